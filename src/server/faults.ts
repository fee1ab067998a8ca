import { DrmadError, type ErrorCode } from "../errors.ts";
import type { Fault } from "./api.ts";
import { toJson } from "./json.ts";

/** Bad requests are 4xx, and so is a damaged store: it was asked for what it has not. 503 is what may be over in a moment. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  "invalid-argument": 400,
  "study-not-found": 404,
  "file-not-found": 404,
  "study-not-running": 409,
  "study-running": 409,
  "study-exists": 409,
  "study-changed": 409,
  "study-lost": 409,
  "malformed-file": 409,
  "store-version": 409,
  unsupported: 409,
  "write-failed": 503,
  "store-unreachable": 503,
};

export const faultOf = ({ code, message, hint }: DrmadError): Fault => ({
  code,
  message,
  ...(hint !== undefined && { hint }),
});

export const faultResponse = (status: number, fault: Fault, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(toJson(fault), { status, headers: { "content-type": "application/json", ...headers } });

/** The answer to an error; anything but a DrmadError is a defect of ours. */
export function errorResponse(error: unknown): Response {
  if (error instanceof DrmadError) return faultResponse(STATUSES[error.code] ?? 500, faultOf(error));
  const message = `this is a defect of drmad: ${error instanceof Error ? error.message : String(error)}`;
  return faultResponse(500, { code: "defect", message, hint: "Please report it." });
}
