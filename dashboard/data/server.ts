import type { Fault, TensorMapHeader } from "../../src/server/api.ts";
import { token } from "./token.ts";

/** A fault that the server told of, or that it could not be asked. */
export class Refusal extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

export const AWAY: Fault = {
  code: "server-away",
  message: "The server of this page does not answer.",
  hint: "Start it again with `drmad dashboard`, and open the address that it prints. Studies go on without it.",
};

/** The address of a route with its parameters. */
export const at = (route: string, parameters: Readonly<Record<string, string | number>> = {}): string => {
  const query = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
  return query.size === 0 ? `/api/${route}` : `/api/${route}?${query}`;
};

/** @throws Refusal; what `fetch` throws where the signal ended it */
export async function ask(url: string, init: RequestInit): Promise<Response> {
  const known = token();
  const headers = {
    ...(init.headers as Record<string, string>),
    ...(known === null ? {} : { "x-drmad-token": known }),
  };
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(AWAY);
  }
  if (response.ok) return response;
  throw new Refusal(await faultOf(response));
}

async function faultOf(response: Response): Promise<Fault> {
  try {
    const fault = (await response.json()) as Fault;
    if (typeof fault.message === "string") return fault;
  } catch {
    // Not the server's own words; what follows says as much as is known.
  }
  return {
    code: `status-${response.status}`,
    message: `The server answered ${response.status} without saying why.`,
    hint: "What it prints in its terminal may say more.",
  };
}

export const getJson = async <T>(url: string, signal: AbortSignal): Promise<T> =>
  (await (await ask(url, { signal })).json()) as T;

/** A map of a tensor: its header, and its cells row by row. */
export interface TensorCells {
  readonly header: TensorMapHeader;
  readonly cells: Float32Array;
}

export async function getMap(url: string, signal: AbortSignal): Promise<TensorCells> {
  const body = await (await ask(url, { signal })).arrayBuffer();
  const view = new DataView(body);
  const length = body.byteLength < 4 ? -1 : view.getUint32(0, true);
  if (length < 0 || 4 + length > body.byteLength) throw new Refusal(broken("it is cut short"));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length))) as TensorMapHeader;
  const cells = header.rows * header.columns;
  if (body.byteLength !== 4 + length + 4 * cells) throw new Refusal(broken(`it should hold ${cells} values`));
  // Copied: float32 must begin at a multiple of four bytes.
  return { header, cells: new Float32Array(body.slice(4 + length)) };
}

const broken = (why: string): Fault => ({
  code: "malformed-map",
  message: `The map that the server sent cannot be read: ${why}.`,
  hint: "Load the page again; if it stays so, the page and the server are of different versions.",
});

export async function post(route: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  await ask(at(route), { method: "POST", headers, body: JSON.stringify(body) });
}
