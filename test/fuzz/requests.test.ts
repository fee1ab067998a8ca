import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SECURITY_HEADERS, TOKEN_HEADER } from "../../src/server/guard.ts";
import { open } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { asking, HOST, TOKEN } from "../server/asking.ts";
import { fill } from "../server/studies.ts";
import * as hostile from "./hostile.ts";

const REQUESTS = 20_000;
const SEED = 20_261_121;
const HOSTS = [HOST, "localhost:4747", "[::1]:4747"];
const INDEX = "<!doctype html>";

const folder = mkdtempSync(join(tmpdir(), "drmad-fuzz-"));
let store: Store;
let app: (request: Request) => Promise<Response>;
beforeAll(async () => {
  store = await open(join(folder, "studies.db"), { staleSeconds: 1e6 });
  await fill(store);
  const page = { bytes: new TextEncoder().encode(INDEX), type: "text/html; charset=utf-8", etag: '"1"' };
  ({ app } = asking(store, { assets: new Map([["/index.html", page]]), hosts: HOSTS }));
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** Mulberry32: the same requests every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const STUDIES = ["pictures", "ended", "older", "waiting", "failed"];
const TENSORS = ["weight", "l2.0.weights", "rate", "inputs", "odd/~name"];
const ROUTES = ["studies", "study", "map", "curve", "inner", "health", "examples", "log", "stream"];
const WRITES = ["/api/stop", "/api/notes"];

const optional = (name: string, value: string | null): Record<string, string> =>
  value === null ? {} : { [name]: value };

/** Each part is sound more often than not, so that many requests get far before they are found out. */
function requestOf(random: () => number): Asked {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const or = <T>(sound: T, list: readonly T[], share = 0.12): T => (random() < share ? pick(list) : sound);
  const method = random() < 0.15 ? pick(hostile.METHODS) : pick(["GET", "GET", "POST"]);
  const host = or(pick(HOSTS), hostile.WRONG_HOSTS);
  const route = method === "POST" && random() < 0.8 ? pick(WRITES) : or(`/api/${pick(ROUTES)}`, ["/", "/index.html"]);
  const parameters: [string, string][] = [
    ["study", or(pick(STUDIES), hostile.TEXTS)],
    ["step", or(pick(["0", "1", "2", "3"]), hostile.NUMBERS)],
    ["from", or("0", hostile.NUMBERS)],
    ["tensor", or(pick(TENSORS), hostile.TEXTS)],
    ["of", or("value", ["hypergradient", ...hostile.TEXTS])],
  ];
  const asked = parameters.filter(() => random() > 0.08).map((each) => each.map(encode).join("="));
  if (random() < 0.05)
    asked.push(pick(["study=ended", "__proto__[a]=1", "step=%", "%zz=%ff", `x=${"y".repeat(9000)}`]));
  if (random() < 0.05) asked.push(`token=${TOKEN}`, `${TOKEN_HEADER}=${TOKEN}`);
  const order = JSON.stringify({
    study: or("waiting", hostile.TEXTS),
    ...(route !== "/api/stop" && { notes: or("fuzzed", hostile.TEXTS), tags: [or("a", hostile.TEXTS)] }),
  });
  const tokens = [
    null,
    "",
    TOKEN.slice(1),
    `${TOKEN}t`,
    TOKEN.toUpperCase(),
    "t",
    `Bearer ${TOKEN}`,
    `${TOKEN}, ${TOKEN}`,
  ];
  return {
    method,
    url: `http://${random() < 0.05 ? "evil.test" : HOST}${or(route, hostile.PATHS)}?${asked.join("&")}`,
    headers: {
      ...optional("host", or<string | null>(host, [null], 0.02)),
      ...optional("origin", or<string | null>(pick([`http://${host}`, null]), hostile.WRONG_ORIGINS)),
      ...optional("sec-fetch-site", or<string | null>(pick(["same-origin", "none", null]), hostile.WRONG_SITES)),
      ...optional(TOKEN_HEADER, or<string | null>(TOKEN, tokens, 0.25)),
      ...optional("content-type", or<string | null>("application/json", hostile.WRONG_TYPES)),
      ...(random() < 0.02 && { "content-length": pick(["99999999", "-1", "x"]) }),
    },
    body: method.toUpperCase() === "POST" ? or(order, hostile.BODIES, 0.2) : undefined,
  };
}

/** As a program that sends bytes would: halves of characters too. */
const encode = (text: string): string =>
  [...text].map((c) => (/\p{Cs}/u.test(c) ? "%ED%A0%80" : encodeURIComponent(c))).join("");

/** Said once more, apart from the server: who may change something. */
function mayWrite({ method, url, headers }: Asked): boolean {
  const { host = "", origin = `http://${host}`, "sec-fetch-site": site = "none" } = headers;
  return (
    ["POST", "post", "pOST"].includes(method) &&
    new Request(url, { method }).method === "POST" &&
    HOSTS.includes(host) &&
    new URL(url).host === HOST &&
    origin === `http://${host}` &&
    ["same-origin", "none"].includes(site) &&
    headers[TOKEN_HEADER] === TOKEN &&
    headers["content-type"] === "application/json"
  );
}

/** A hash of all that the store holds but what the token lets one change. */
async function contents(): Promise<string> {
  const hash = createHash("sha256");
  for (const study of await store.list()) {
    hash.update(JSON.stringify({ ...study, notes: "", tags: [], stopping: false, updated: 0 }));
    hash.update(JSON.stringify(await store.events(study.name)));
  }
  const files = readdirSync(`${store.place}.tensors`, { recursive: true, encoding: "utf8" }).sort();
  for (const file of files.filter((name) => name.endsWith(".safetensors")))
    hash.update(file).update(readFileSync(join(`${store.place}.tensors`, file)));
  return hash.digest("hex");
}

async function answerTo({ method, url, headers, body }: Asked): Promise<Response> {
  const response = await app(new Request(url, { method, headers, ...(body !== undefined && { body }) }));
  // A stream goes on for as long as it is read.
  if (response.headers.get("content-type") === "text/event-stream") await response.body?.cancel();
  return response;
}

function requireSafe(response: Response, asked: unknown): void {
  const headers = Object.fromEntries(response.headers);
  const safe =
    response.status < 500 &&
    !Object.keys(headers).some((name) => name.startsWith("access-control-")) &&
    Object.entries(SECURITY_HEADERS).every(([name, value]) => headers[name] === value);
  if (!safe)
    throw new Error(`${response.status} ${JSON.stringify(headers)} for ${JSON.stringify(asked).slice(0, 2000)}`);
}

test(
  `${REQUESTS} hostile requests change nothing that they may not, and break nothing`,
  { timeout: 300_000 },
  async () => {
    const random = generator(SEED);
    const counts: Record<string, number> = {};
    const before = await contents();
    let revision = await store.revision();
    for (let i = 0; i < REQUESTS; i++) {
      const asked = requestOf(random);
      const may = mayWrite(asked);
      const response = await answerTo(asked);
      requireSafe(response, asked);
      const { status } = response;
      const kind = `${asked.body === undefined ? "read" : "write"} ${status}`;
      counts[kind] = (counts[kind] ?? 0) + 1;
      const host = asked.headers["host"];
      if ((host === undefined || !HOSTS.includes(host)) && ![403, 414].includes(status))
        throw new Error(`${status} for ${JSON.stringify(asked)}`);
      const now = await store.revision();
      if (now === revision) continue;
      if (!may || status !== 204) throw new Error(`changed by ${JSON.stringify(asked)}: ${status}`);
      revision = now;
    }
    // The token gives a right to notes, tags and stops, and to nothing else.
    expect(await contents()).toBe(before);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    // Many of each kind, so that all of this was put to the test.
    for (const [kind, least] of Object.entries({
      "read 200": 2000,
      "read 400": 300,
      "read 403": 1500,
      "read 404": 300,
      "write 204": 200,
      "write 400": 200,
      "write 403": 2000,
      "write 404": 30,
      "write 413": 20,
      "write 415": 100,
    }))
      // prettier-ignore
      expect([kind, (counts[kind] ?? 0) >= least, counts]).toEqual([kind, true, counts]);
  },
);

const soundHeaders = (more: Readonly<Record<string, string | null>> = {}): Record<string, string> => {
  const all = { host: HOST, origin: `http://${HOST}`, "sec-fetch-site": "same-origin", [TOKEN_HEADER]: TOKEN, "content-type": "application/json", ...more }; // prettier-ignore
  return Object.fromEntries(Object.entries(all).filter((each): each is [string, string] => each[1] !== null));
};
const write = (
  more: Readonly<Record<string, string | null>>,
  body = NOTE,
  url = `http://${HOST}/api/notes`,
): Promise<Response> => answerTo({ method: "POST", url, headers: soundHeaders(more), body });
const stream = (more: Readonly<Record<string, string>>): Promise<Response> =>
  answerTo({ method: "GET", url: `http://${HOST}/api/stream`, headers: { host: HOST, ...more }, body: undefined });
const NOTE = JSON.stringify({ study: "waiting", notes: "changed", tags: [] });

/** Sends something that must change nothing. */
const unchanged = async (status: number | readonly number[], send: () => Promise<Response>): Promise<void> => {
  const before = await store.revision();
  const response = await send();
  requireSafe(response, "");
  expect([status].flat()).toContain(response.status);
  expect(await store.revision()).toBe(before);
};

describe("one thing wrong is enough", () => {
  test("and none is none", async () => {
    expect((await write({})).status).toBe(204);
    expect((await write({ origin: null, "sec-fetch-site": null })).status).toBe(204);
    expect((await write({ "content-type": "application/json; charset=utf-8" })).status).toBe(204);
    expect((await store.get("waiting")).notes).toBe("changed");
  });
  test.each(hostile.WRONG_HOSTS)("host %j", (host) => unchanged(403, () => write({ host, origin: null })));
  test.each(hostile.WRONG_ORIGINS)("origin %j", (origin) => unchanged(403, () => write({ origin })));
  test.each(hostile.WRONG_SITES)("sec-fetch-site %j", (site) =>
    unchanged(403, () => write({ "sec-fetch-site": site })),
  );
  test.each(hostile.WRONG_TYPES)(
    "content type %j",
    (type) =>
    unchanged(415, () => answerTo({ method: "POST", url: `http://${HOST}/api/notes`, headers: soundHeaders({ "content-type": type ?? "" }), body: NOTE })), // prettier-ignore
  );
  test.each([null, "", "t", TOKEN.slice(1), `${TOKEN}t`, `x${TOKEN.slice(1)}`, `${TOKEN.slice(1)}x`])(
    "token %j",
    (token) =>
    unchanged(403, () => write({ [TOKEN_HEADER]: token }, NOTE, `http://${HOST}/api/notes?token=${TOKEN}&x-drmad-token=${TOKEN}`)), // prettier-ignore
  );
  test.each(hostile.BODIES)("body %#", (body) => unchanged([400, 404, 413], () => write({}, body)));
  test.each(hostile.METHODS.filter((method) => method.toUpperCase() !== "POST"))(
    "method %s",
    (method) =>
    unchanged([200, 204, 405], () => answerTo({ method, url: `http://${HOST}/api/notes`, headers: soundHeaders(), body: undefined })), // prettier-ignore
  );
  test("a stream that a page of another site opens", async () => {
    expect((await stream({})).status).toBe(200);
    for (const origin of hostile.WRONG_ORIGINS) expect((await stream({ origin })).status).toBe(403);
    for (const site of hostile.WRONG_SITES) expect((await stream({ "sec-fetch-site": site })).status).toBe(403);
  });
});

test("no path leads to a file", async () => {
  expect(new Set(hostile.PATHS).size).toBeGreaterThan(60);
  for (const path of hostile.PATHS) {
    const response = await answerTo({
      method: "GET",
      url: `http://${HOST}${path}`,
      headers: { host: HOST },
      body: undefined,
    });
    requireSafe(response, path);
    expect([path, response.status]).toEqual([path, 404]);
    expect(await response.text()).toMatch(/^\{"code":"not-found"/);
  }
});

test("no text for a study's name finds one, or breaks anything", async () => {
  expect(hostile.TEXTS.length).toBeGreaterThanOrEqual(50);
  for (const text of hostile.TEXTS) {
    // Some are names of studies here, by design.
    const there = (await store.list()).some(({ name }) => name === text);
    for (const route of ["study", "log", "inner", "health"]) {
      const url = `http://${HOST}/api/${route}?study=${encode(text)}`;
      const response = await answerTo({ method: "GET", url, headers: { host: HOST }, body: undefined });
      requireSafe(response, text);
      expect([text, response.status]).toEqual([text, there ? 200 : text === "" ? 400 : 404]);
    }
  }
});
