import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { createApp } from "../../src/server/app.ts";
import { readAssets } from "../../src/server/assets.ts";
import type { Store } from "../../src/store/store.ts";

export const TOKEN = "test-token-of-the-dashboard";

export interface Served {
  readonly origin: string;
  close(): Promise<void>;
}

/** A port that nobody listens at. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });

/** The built page and its server over a store, on a port of this machine. */
export async function serveStore(store: Store, port?: number): Promise<Served> {
  const at = port ?? (await freePort());
  const assets = readAssets(fileURLToPath(new URL("../../dist/dashboard", import.meta.url)));
  const app = createApp({ store, assets, token: TOKEN, hosts: [`127.0.0.1:${at}`], version: "0.0.0", pollMs: 50 });
  const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
    const made = serve({ fetch: app, port: at, hostname: "127.0.0.1" }, () => resolve(made));
  });
  return {
    origin: `http://127.0.0.1:${at}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Streams stay open otherwise.
        (server as { closeAllConnections?(): void }).closeAllConnections?.();
      }),
  };
}
