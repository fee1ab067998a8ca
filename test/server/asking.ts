import { expect } from "vitest";
import type { Fault } from "../../src/server/api.ts";
import { createApp, type App, type AppOptions } from "../../src/server/app.ts";
import { TOKEN_HEADER } from "../../src/server/guard.ts";
import type { Store } from "../../src/store/store.ts";

export const HOST = "127.0.0.1:4747";
export const TOKEN = "t".repeat(43);

/** The server in this process, asked as its own page asks. */
export interface Asking {
  readonly app: App;
  get(path: string, init?: RequestInit): Promise<Response>;
  /** What a route answers, which is JSON. */
  ask<T>(path: string): Promise<T>;
  post(path: string, body: unknown): Promise<Response>;
  fault(path: string): Promise<readonly [status: number, code: string]>;
}

export function asking(store: Store, options: Partial<AppOptions> = {}): Asking {
  const app = createApp({ store, assets: undefined, token: TOKEN, hosts: [HOST], version: "1.2.3", ...options });
  const get = (path: string, init: RequestInit = {}): Promise<Response> =>
    app(new Request(`http://${HOST}${path}`, { ...init, headers: { host: HOST, ...init.headers } }));
  return {
    app,
    get,
    async ask<T>(path: string): Promise<T> {
      const response = await get(path);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
      return (await response.json()) as T;
    },
    post: (path, body) =>
      get(path, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json", [TOKEN_HEADER]: TOKEN },
      }),
    async fault(path) {
      const response = await get(path);
      return [response.status, ((await response.json()) as Fault).code];
    },
  };
}
