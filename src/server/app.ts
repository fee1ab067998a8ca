import { Hono, type Context } from "hono";
import { DrmadError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { StudyList } from "./api.ts";
import type { Assets } from "./assets.ts";
import { errorResponse, faultResponse } from "./faults.ts";
import { examples } from "./examples.ts";
import { guard, SECURITY_HEADERS } from "./guard.ts";
import { health } from "./health.ts";
import { innerCurves } from "./inner.ts";
import { toJson } from "./json.ts";
import { logOf } from "./log.ts";
import { noPage } from "./no-page.ts";
import { createReader, type Study } from "./reader.ts";
import { choiceIn, fieldsOf, numberIn, tagsOf, textIn, textOf, TooLarge } from "./requests.ts";
import { eventStream, STREAM_HEADERS } from "./stream.ts";
import { strip } from "./strip.ts";
import { studyRow, studyView } from "./study-view.ts";
import { tensorCurve } from "./tensor-curve.ts";
import { tensorMap } from "./tensor-map.ts";
import { watchStore } from "./watch.ts";

export interface AppOptions {
  readonly store: Store;
  /** The built page; undefined where it was not built, and a page says how to. */
  readonly assets: Assets | undefined;
  readonly token: string;
  /** By which it may be asked, with the port, such as `127.0.0.1:4747`. */
  readonly hosts: readonly string[];
  /** Whether reading needs the token too. Default false. */
  readonly closed?: boolean;
  /** Of drmad. */
  readonly version: string;
  /** Between two looks at the store; default 200. */
  readonly pollMs?: number;
  /** Between two comments that keep a stream open; default 15,000. */
  readonly heartbeatMs?: number;
}

export type App = (request: Request) => Promise<Response>;

const json = (value: unknown): Response =>
  new Response(toJson(value), { headers: { "content-type": "application/json" } });

/** The dashboard's server as a function: it answers what api.ts says from a store, behind the guard. */
export function createApp(options: AppOptions): App {
  const { store, assets, pollMs = 200, heartbeatMs = 15_000 } = options;
  const { hosts, token, closed = false, version } = options;
  const reader = createReader(store);
  const watch = watchStore(store, pollMs);
  const app = new Hono({ strict: true });
  const isPage = (path: string): boolean => path === "/" || assets?.has(path) === true;
  app.use(guard({ hosts, token, closed, isPage }));

  type Answer = (study: Study, query: URLSearchParams) => unknown;
  const ofStudy = (path: string, answer: Answer): void => {
    app.get(path, async ({ req }) => {
      const query = new URL(req.raw.url).searchParams;
      const study = await reader.study(textIn(query, "study"));
      const found = await readable(study, () => answer(study, query));
      return found instanceof Response ? found : json(found);
    });
  };

  app.get("/api/studies", async () => {
    const studies = await store.list();
    return json({ version, store: store.place, studies: studies.map(studyRow) } satisfies StudyList);
  });
  ofStudy("/api/study", studyView);
  ofStudy("/api/inner", innerCurves);
  ofStudy("/api/health", health);
  ofStudy("/api/log", ({ log }, query) => logOf(log.slice(numberIn(query, "from", 0))));
  ofStudy("/api/curve", (study, query) => tensorCurve(study, textIn(query, "tensor")));
  ofStudy("/api/strip", (study, query) =>
    strip(study, textIn(query, "tensor"), choiceIn(query, "of", ["value", "hypergradient"])),
  );
  ofStudy("/api/examples", (study, query) => examples(study, numberIn(query, "step"), textIn(query, "tensor")));
  ofStudy("/api/map", async (study, query) => {
    const [step, tensor] = [numberIn(query, "step"), textIn(query, "tensor")];
    const bytes = await tensorMap(study, step, tensor, choiceIn(query, "of", ["value", "hypergradient"]));
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { "content-type": "application/octet-stream" } });
  });
  app.get("/api/stream", ({ req }) =>
    // A stream that nobody reads would never end.
    req.raw.method === "HEAD" ? new Response(null, { headers: STREAM_HEADERS }) : eventStream(watch, heartbeatMs),
  );
  app.post("/api/stop", async ({ req }) => {
    await store.requestStop(textOf(await fieldsOf(req.raw, ["study"]), "study"));
    return new Response(null, { status: 204 });
  });
  app.post("/api/notes", async ({ req }) => {
    const fields = await fieldsOf(req.raw, ["study", "notes", "tags"]);
    await store.annotate(textOf(fields, "study"), { notes: textOf(fields, "notes"), tags: tagsOf(fields, "tags") });
    return new Response(null, { status: 204 });
  });
  for (const path of ["/api/stop", "/api/notes"]) app.all(path, ({ req }) => noMethod(req.raw, "POST"));
  app.get("*", (context) => page(context, assets));

  // The page's route takes every address that is got.
  app.notFound(({ req }) => noMethod(req.raw, "GET, HEAD"));
  app.onError((error) =>
    error instanceof TooLarge
      ? faultResponse(413, { code: "too-large", message: "the body is larger than 1 MiB" })
      : errorResponse(error),
  );

  return async (request) => {
    const response = await app.fetch(request);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value);
    if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
    return response;
  };
}

const noMethod = ({ method }: Request, allow: string): Response =>
  faultResponse(405, { code: "method", message: `${method} is not taken at this address` }, { allow });

/** What is kept of a study may be nothing that this drmad writes. */
async function readable<T>({ summary }: Study, answer: () => T | Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (cause) {
    if (cause instanceof DrmadError || !(cause instanceof TypeError)) throw cause;
    const name = JSON.stringify(summary.name);
    throw new DrmadError("malformed-file", `what is kept of the study ${name} cannot be shown: ${cause.message}`, {
      hint: "If another drmad wrote it, use that one; if not, bring the store back from a copy.",
      cause,
    });
  }
}

/** A file of the page, from memory: no path of a request reaches a file system. */
function page({ req }: Context, assets: Assets | undefined): Response {
  const { pathname } = new URL(req.raw.url);
  const asset = assets?.get(pathname === "/" ? "/index.html" : pathname);
  if (asset === undefined) {
    if (pathname === "/") return noPage();
    return faultResponse(404, { code: "not-found", message: "there is nothing at this address" });
  }
  const headers = { "content-type": asset.type, etag: asset.etag, "cache-control": "no-cache" };
  if (req.raw.headers.get("if-none-match") === asset.etag) return new Response(null, { status: 304, headers });
  return new Response(asset.bytes as Uint8Array<ArrayBuffer>, { headers });
}
