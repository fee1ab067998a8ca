import { createServer, type Server } from "node:http";
import { isIP, type Socket } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { getRequestListener } from "@hono/node-server";
import { DrmadError } from "../errors.ts";
import type { App } from "./app.ts";
import { faultResponse } from "./faults.ts";
import { SECURITY_HEADERS } from "./guard.ts";

export interface ListenOptions {
  /** An address or name of this machine; default 127.0.0.1, with ::1 where there is one. */
  readonly host?: string;
  /** The first to try; 0 is any that is free. */
  readonly port: number;
  /** Take the next free one where it is taken, or refuse. */
  readonly next: boolean;
  /** Makes what answers, once the names and the port that it may be asked by are known. */
  app(hosts: readonly string[]): App;
}

export interface Listening {
  /** Without the token. */
  readonly url: string;
  readonly port: number;
  /** Ends all connections. */
  close(): Promise<void>;
}

const MOST_CONNECTIONS = 100;
/** For the head of a request, and for all of it. */
const [HEAD_MS, REQUEST_MS] = [5000, 10_000];
const MOST_PORTS = 50;
const [LOOPBACK, LOOPBACK_6] = ["127.0.0.1", "::1"];

/** Whether only this machine can reach an address or name. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

/**
 * Answers requests at a port of this machine: 100 connections at most, ten seconds for each request.
 * @throws DrmadError invalid-argument where the port is taken, not allowed, or the host is none of this machine
 */
export async function listen({ host, port, next, app }: ListenOptions): Promise<Listening> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.splice(0).map(closed));
  };
  for (let tried = port, left = next ? MOST_PORTS : 1; ; tried++, left--) {
    try {
      const first = serverOf();
      servers.push(first);
      const at = await bound(first, host === "localhost" ? LOOPBACK : (host ?? LOOPBACK), tried);
      if (host === undefined || host === "localhost") {
        const second = serverOf();
        // Where this machine has no such address, `localhost` is the other one.
        if (await also(second, at)) servers.push(second);
      }
      const answer = app(hostsOf(host, at));
      for (const server of servers) server.on("request", listener(answer));
      const shown = host === undefined ? LOOPBACK : isWildcard(host) ? hostname() : host;
      return { url: `http://${authority(shown, at)}/`, port: at, close };
    } catch (error) {
      await close();
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EADDRINUSE" && left > 1 && tried < 65_535) continue;
      throw unbound(error, host ?? LOOPBACK, tried);
    }
  }
}

function serverOf(): Server {
  const server = createServer({
    // Node's own answer to a missing one has no headers of ours.
    requireHostHeader: false,
    requestTimeout: REQUEST_MS,
    headersTimeout: HEAD_MS,
    keepAliveTimeout: HEAD_MS,
    connectionsCheckingInterval: 1000,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) return socket.destroy();
    const status =
      error.code === "HPE_HEADER_OVERFLOW"
        ? "431 Request Header Fields Too Large"
        : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
          ? "408 Request Timeout"
          : "400 Bad Request";
    const headers = Object.entries({ ...SECURITY_HEADERS, connection: "close", "content-length": "0" });
    return socket.end(`HTTP/1.1 ${status}\r\n${headers.map((header) => header.join(": ")).join("\r\n")}\r\n\r\n`);
  });
  return server;
}

/** Requests of which no address can be made never reach the app. */
const listener = (app: App): ReturnType<typeof getRequestListener> =>
  getRequestListener(app, {
    overrideGlobalObjects: false,
    errorHandler: () =>
      faultResponse(400, { code: "bad-request", message: "the request has no sound address" }, SECURITY_HEADERS),
  });

const bound = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      resolve((server.address() as { readonly port: number }).port);
    });
  });

/** @throws an error of the system where another program has that port */
async function also(server: Server, port: number): Promise<boolean> {
  try {
    await bound(server, LOOPBACK_6, port);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw error;
    return false;
  }
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "::";

/** As `Host` has it: IPv6 in brackets, and no port where it is the usual one. */
const authority = (host: string, port: number): string =>
  `${isIP(host) === 6 ? `[${host}]` : host}${port === 80 ? "" : `:${port}`}`;

/** What the server may be asked as: this machine's own name for itself, and what `--host` says. */
function hostsOf(host: string | undefined, port: number): readonly string[] {
  const own = [LOOPBACK, "localhost", LOOPBACK_6];
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []);
  const more = host === undefined ? [] : isWildcard(host) ? [hostname(), ...addresses] : [host];
  return [...new Set([...more, ...own].map((name) => authority(name.toLowerCase(), port)))];
}

function unbound(error: unknown, host: string, port: number): DrmadError {
  const { code, message } = error as NodeJS.ErrnoException;
  const what =
    code === "EADDRINUSE"
      ? "another program has it"
      : code === "EACCES"
        ? "the system does not allow it"
        : code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN"
          ? "that is no address of this machine"
          : message;
  return new DrmadError("invalid-argument", `cannot listen at ${authority(host, port)}: ${what}`, {
    hint: "Give another --port (0 for any that is free), or leave --host out to listen on this machine only.",
    cause: error,
  });
}
