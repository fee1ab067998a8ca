import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { asking, TOKEN } from "../../test/server/asking.ts";
import type { Store } from "../store/store.ts";
import { SECURITY_HEADERS } from "./guard.ts";
import { isLoopback, listen, type Listening, type ListenOptions } from "./socket.ts";

const store = {
  place: "s.db",
  list: () => Promise.resolve([]),
  revision: () => Promise.resolve("1"),
} as unknown as Store;
const begun: Listening[] = [];
afterEach(async () => {
  for (const each of begun.splice(0)) await each.close();
});
async function start(options: Partial<ListenOptions> = {}): Promise<Listening> {
  const listening = await listen({ port: 0, next: false, app: (hosts) => asking(store, { hosts }).app, ...options });
  begun.push(listening);
  return listening;
}

/** All that comes back for some bytes, until the other end closes or `enough` has come. */
const send = (port: number, text: string, { host = "127.0.0.1", enough = /\r\n\r\n/ } = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(text));
    let got = "";
    socket.on("data", (piece: Buffer) => {
      got += piece.toString();
      if (enough.test(got)) socket.destroy();
    });
    socket.on("close", () => resolve(got));
    socket.on("error", reject);
  });
const statusOf = async (port: number, ...lines: readonly string[]): Promise<string> => {
  const answer = await send(port, `${lines.join("\r\n")}\r\n\r\n`);
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) expect(answer).toContain(`${name}: ${value}`);
  expect(answer.toLowerCase()).not.toContain("access-control");
  return answer.slice(9, 12);
};

test("answers at its own address, on loopback alone", async () => {
  const { port, url } = await start();
  expect(url).toBe(`http://127.0.0.1:${port}/`);
  expect(((await (await fetch(`${url}api/studies`)).json()) as { studies: unknown }).studies).toEqual([]);
  expect((await fetch(`http://localhost:${port}/api/studies`)).status).toBe(200);
  const others = Object.values(networkInterfaces()).flatMap((each) => each!.filter(({ internal }) => !internal));
  for (const { address } of others.filter(({ family }) => family === "IPv4"))
    await expect(send(port, "GET / HTTP/1.1\r\n\r\n", { host: address })).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
});

test("refuses requests that name its host wrongly, however they are put", async () => {
  const { port } = await start();
  const own = `Host: 127.0.0.1:${port}`;
  const get = (...headers: string[]): Promise<string> => statusOf(port, "GET /api/studies HTTP/1.1", ...headers);
  expect(await get(own)).toBe("200");
  expect(await get(own, own)).toMatch(/^40[03]$/);
  expect(await get("Host: evil.test", own)).toMatch(/^40[03]$/);
  expect(await get(own, "Host: evil.test")).toMatch(/^40[03]$/);
  expect(await get("Host: evil.test")).toBe("403");
  expect(await get(`Host: 127.0.0.1:${port + 1}`)).toBe("403");
  expect(await get(`Host: a@127.0.0.1:${port}`)).toMatch(/^40[03]$/);
  expect(await get()).toBe("400");
  expect(await get("Host: a b")).toMatch(/^40[03]$/);
  expect(await statusOf(port, "GET /api/studies HTTP/1.0")).toMatch(/^40[03]$/);
  // The address of a request counts as well.
  expect(await statusOf(port, `GET http://evil.test/api/studies HTTP/1.1`, own)).toBe("403");
  expect(await statusOf(port, `GET http://127.0.0.1:${port}/api/studies HTTP/1.1`, own)).toBe("200");
});

test("takes nothing that is no sound request", async () => {
  const { port } = await start();
  const own = `Host: 127.0.0.1:${port}`;
  for (const path of [
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/..%5c..%5cetc%5cpasswd",
    "*",
    "\\",
  ])
    expect([path, await statusOf(port, `GET ${path} HTTP/1.1`, own)]).toEqual([
      path,
      expect.stringMatching(/^40[034]$/),
    ]);
  expect(await statusOf(port, "TRACE / HTTP/1.1", own)).toMatch(/^40[05]$/);
  expect(await statusOf(port, "NONSENSE")).toBe("400");
  expect(await statusOf(port, `GET /?${"a".repeat(9000)} HTTP/1.1`, own)).toBe("414");
  expect(await statusOf(port, `GET /?${"a".repeat(40_000)} HTTP/1.1`, own)).toBe("431");
  const post = ["POST /api/stop HTTP/1.1", own, "Content-Type: application/json", `X-Drmad-Token: ${TOKEN}`];
  expect(await statusOf(port, ...post, "Content-Length: 2000000")).toBe("413");
  expect(await statusOf(port, ...post, "Content-Length: 5", "Transfer-Encoding: chunked")).toBe("400");
  // It still answers.
  expect(await statusOf(port, "GET /api/studies HTTP/1.1", own)).toBe("200");
});

test("lets go of a request that does not come to its end", { timeout: 30_000 }, async () => {
  const { port } = await start();
  const own = `Host: 127.0.0.1:${port}`;
  const order = `Content-Type: application/json\r\nX-Drmad-Token: ${TOKEN}\r\nContent-Length: 9`;
  const slow = [`GET / HTTP/1.1\r\n${own}\r\nX-Slow: `, `POST /api/stop HTTP/1.1\r\n${own}\r\n${order}\r\n\r\n{`];
  for (const answer of await Promise.all(slow.map((text) => send(port, text))))
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
});

test("serves a stream until its reader goes, and ends with those that stay", async () => {
  const revision = vi.spyOn(store, "revision");
  const { url, close } = await start({ app: (hosts) => asking(store, { hosts, pollMs: 5 }).app });
  const gone = new AbortController();
  const read = async (signal?: AbortSignal): Promise<string> => {
    const { body } = await fetch(`${url}api/stream`, { ...(signal && { signal }) });
    return new TextDecoder().decode((await body!.getReader().read()).value);
  };
  expect(await read(gone.signal)).toBe('data: {"studies":[]}\n\n');
  gone.abort();
  const still = async (): Promise<void> => {
    const looks = revision.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(revision.mock.calls.length).toBe(looks);
  };
  await vi.waitFor(still, { timeout: 5000 });
  await read();
  await close();
  await vi.waitFor(still, { timeout: 5000 });
  await expect(fetch(url)).rejects.toThrow();
  revision.mockRestore();
});

test("takes the next port where one is taken, or says that it is", async () => {
  const { port } = await start();
  await expect(start({ port })).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringContaining(`${port}`) as string,
  });
  expect((await start({ port, next: true })).port).toBeGreaterThan(port);
  await expect(start({ host: "203.0.113.5" })).rejects.toMatchObject({ code: "invalid-argument" });
});

test("knows what is this machine alone", () => {
  expect(["localhost", "127.0.0.1", "127.8.9.1", "::1"].filter((host) => !isLoopback(host))).toEqual([]);
  expect(["0.0.0.0", "::", "127.evil.test", "192.168.1.2", "example.org"].filter(isLoopback)).toEqual([]);
});
