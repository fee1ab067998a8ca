/**
 * The folders of src, or files of their own, and what each may import; types count. A folder inside one of these may stand
 * here by itself. The smallest list that the code needs: a permission that nothing uses is a finding too.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  tensor: ["errors"],
  autodiff: ["errors", "tensor"],
  data: ["errors"],
  outer: ["data", "errors"],
  picture: ["errors"],
  store: ["data", "errors", "problem", "study"],
  dynamics: ["errors", "tensor"],
  problem: ["data", "dynamics", "errors", "tensor"],
  nn: ["errors", "problem", "tensor"],
  engine: ["data", "engine/onnx", "engine/reference", "engine/worker", "errors", "tensor"],
  "engine/reference": ["engine", "errors", "tensor"],
  "engine/onnx": ["engine", "errors", "tensor"],
  "engine/worker": ["engine", "engine/onnx", "errors"],
  rollout: ["autodiff", "data", "dynamics", "engine", "errors", "problem", "tensor"],
  hypergradient: ["data", "errors", "rollout", "tensor"],
  study: ["data", "engine", "errors", "hypergradient", "outer", "problem", "rollout", "tensor"],
  server: ["data", "errors", "store", "study"],
  experiments: ["data", "dynamics", "hypergradient", "nn", "outer", "problem", "study", "tensor"],
  index: ["data", "dynamics", "errors", "hypergradient", "nn", "outer", "problem", "store", "study", "tensor"],
  // prettier-ignore
  cli: ["data", "engine", "errors", "experiments", "hypergradient", "index", "outer", "picture", "problem", "rollout", "server", "store", "study", "tensor"],
};

/** What the design rules out for good: no row above may be widened to these. */
export const NEVER: readonly (readonly [from: string, to: string])[] = [
  ["hypergradient", "engine"],
  ["hypergradient", "problem"],
  ["hypergradient", "dynamics"],
  ["tensor", "engine"],
  ["autodiff", "engine"],
  ["problem", "engine"],
  ["dynamics", "problem"],
  ["engine", "problem"],
  ["experiments", "cli"],
  ["index", "cli"],
];

/** Packages, and Node's own modules, with the files that may import them. The rest of src runs in a browser. */
export const PLATFORM: Readonly<Record<string, readonly string[]>> = {
  "node:*": [
    "src/cli/",
    "src/store/",
    "src/data/open.ts",
    "src/engine/onnx/session.ts",
    "src/engine/worker/host.ts",
    "src/engine/worker/main.ts",
    "src/engine/worker/reclaim.ts",
    "src/server/assets.ts",
    "src/server/socket.ts",
  ],
  "onnxruntime-node": ["src/engine/onnx/session.ts", "src/cli/doctor.ts"],
  "@resvg/resvg-wasm": ["src/picture/png.ts"],
  fflate: ["src/data/zip.ts"],
  commander: ["src/cli/"],
  jiti: ["src/cli/"],
  valibot: ["src/cli/"],
  hono: ["src/server/app.ts", "src/server/guard.ts"],
  "@hono/node-server": ["src/server/socket.ts"],
  kysely: ["src/store/"],
  "@photostructure/sqlite": ["src/store/sqlite.ts"],
  pg: ["src/store/postgres.ts"],
};

/** What the dashboard's page may import besides itself: of src only types, and what it is bundled with. */
export const DASHBOARD = {
  types: ["src/server/api.ts"],
  packages: ["preact", "uplot"],
  /** Not part of the page: it runs where the page is built. */
  build: "dashboard/vite.config.ts",
} as const;

/** Files whose one export is found by its place, not by its name. */
export const DEFAULT_EXPORTS: readonly string[] = [
  "src/experiments/",
  "examples/",
  "papers/",
  "vitest.config.ts",
  "scripts/reporter.mjs",
  "dashboard/vite.config.ts",
  "test/package/consumer/",
];

export const BUDGET = {
  lines: 350,
  methodLines: 120,
  publicNames: 40,
  /** Files without a budget: data, not code. */
  unlimited: ["src/data/digits-bytes.ts"],
  /** Files beside the methods that are none. */
  notMethods: ["src/hypergradient/check.ts", "src/hypergradient/fidelity.ts"],
} as const;
