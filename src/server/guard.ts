import type { MiddlewareHandler } from "hono";
import { faultResponse } from "./faults.ts";

export interface GuardOptions {
  /** Exactly as `Host` must have them, with the port. */
  readonly hosts: readonly string[];
  readonly token: string;
  /** Whether reading needs the token too: where others than this machine can ask. */
  readonly closed: boolean;
  /** Paths that anybody may load who names the right host: the page itself, which holds nothing of a study. */
  readonly isPage: (path: string) => boolean;
}

export const TOKEN_HEADER = "x-drmad-token";
const MOST_URL = 8192;
const METHODS = ["GET", "HEAD", "POST"];
const ALLOW = { allow: METHODS.join(", ") };

/** Bytes of a token. */
const TOKEN_BYTES = 32;

/** 256 random bits, as text that addresses and headers take. */
export function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** Takes as long wherever two texts of one length differ. */
export function sameToken(given: string, token: string): boolean {
  if (given.length !== token.length) return false;
  let difference = 0;
  for (let i = 0; i < token.length; i++) difference |= given.charCodeAt(i) ^ token.charCodeAt(i);
  return difference === 0;
}

/** On every answer: nothing but our own files runs, is framed, or leaves a trace elsewhere. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

const refused = (message: string, hint: string): Response => faultResponse(403, { code: "forbidden", message, hint });

/**
 * Lets through what this machine's user asks for, and nothing that a page of another site, a name that was made to point here,
 * or another user sends. Everything is refused before it is routed; see docs/dashboard.md.
 */
export const guard =
  (options: GuardOptions): MiddlewareHandler =>
  async ({ req: { raw } }, next) => {
    const stop = refusal(raw, options);
    if (stop !== undefined) return stop;
    return next();
  };

/** The answer to a request that goes no further. */
export function refusal(request: Request, { hosts, token, closed, isPage }: GuardOptions): Response | undefined {
  const { method, headers, url } = request;
  if (url.length > MOST_URL)
    return faultResponse(414, { code: "too-long", message: `the address is longer than ${MOST_URL} characters` });
  const { host: named, pathname } = new URL(url);
  const host = headers.get("host");
  // A request may name its host twice, in its address and in a header.
  if (host === null || !hosts.includes(host) || !hosts.includes(named)) {
    const asked = host === null ? "no host" : "another host than its own";
    return refused(`the server was asked as ${asked}`, `Open it as http://${hosts[0]}/.`);
  }
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: ALLOW });
  if (!METHODS.includes(method))
    return faultResponse(405, { code: "method", message: `the server takes ${ALLOW.allow}` }, ALLOW);
  const writes = method === "POST";
  if (!writes && isPage(pathname)) return undefined;

  const [origin, site] = [headers.get("origin"), headers.get("sec-fetch-site")];
  if ((origin !== null && origin !== `http://${host}`) || (site !== null && site !== "same-origin" && site !== "none"))
    return refused("the request comes from the page of another site", "Open the dashboard's own page.");
  if ((writes || closed) && !sameToken(headers.get(TOKEN_HEADER) ?? "", token))
    return refused(
      "the token of this start of the server is missing",
      "Open the address that drmad dashboard printed.",
    );
  if (writes && !/^application\/json\s*(;|$)/i.test(headers.get("content-type") ?? ""))
    return faultResponse(415, { code: "content-type", message: "only application/json is taken" });
  return undefined;
}
