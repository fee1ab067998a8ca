import { DrmadError } from "../errors.ts";

/** Of the system, where no server is reached or a connection breaks. */
const SYSTEM = /^(?:E[A-Z]{3,}|ENOTFOUND|EAI_AGAIN)$/;
/** PostgreSQL's classes and codes of errors (postgresql.org/docs/current/errcodes-appendix.html). */
const REFUSED = /^28/;
const NO_DATABASE = "3D000";
const NO_STUDY = "23503";
const GONE = /^(?:08...|57P0[1-5]|53300)$/;
const DAMAGED = /^XX00[12]$/;
const UNWRITABLE = /^(?:42501|3F000|25006|53...|55P03|25P0[34]|40P01|54...)$/;
const BAD_TEXT = /^22(?:021|P05)$/;
/** What pg itself says without a code. */
const BROKEN = /connection terminated|timeout exceeded when trying to connect|not queryable|timeout expired/i;
const NO_PASSWORD = /client password must be a string/i;

function parts(error: unknown): { readonly code: string; readonly message: string } {
  const { code, message, errors } = (error ?? {}) as Readonly<Record<string, unknown>>;
  // One for each address that was tried, and no message of its own.
  const inner = Array.isArray(errors) ? (errors as readonly Error[]).map((each) => each.message).join("; ") : "";
  const text = typeof message === "string" && message !== "" ? message : inner;
  return { code: typeof code === "string" ? code : "", message: text };
}

/** Whether the connection is of no use any more. */
export function isBroken(error: unknown): boolean {
  const { code, message } = parts(error);
  return SYSTEM.test(code) || GONE.test(code) || BROKEN.test(message);
}

/** An error of pg or its server as one of ours; any other as it is. */
export function postgresError(error: unknown, place: string): unknown {
  if (error instanceof DrmadError) return error;
  const { code, message } = parts(error);
  const made = (kind: DrmadError["code"], what: string, hint: string): DrmadError =>
    new DrmadError(kind, `${what}: ${message}`, { hint, cause: error });
  if (REFUSED.test(code) || NO_PASSWORD.test(message)) {
    const hint = "Give the user's password in PGPASSWORD or ~/.pgpass, and see that pg_hba.conf lets the user in.";
    return made("store-unreachable", `the store ${place} refuses its user`, hint);
  }
  if (code === NO_DATABASE) {
    const hint = "Make it with createdb, or name another in the URL; drmad makes the tables in it.";
    return made("store-unreachable", `the store ${place} has no such database`, hint);
  }
  if (isBroken(error)) {
    const hint = "See that the server runs and its address is right, and try again; what was kept is safe.";
    return made("store-unreachable", `the store ${place} cannot be reached`, hint);
  }
  if (DAMAGED.test(code))
    return made("malformed-file", `the store ${place} is damaged`, "Bring the database back from a copy.");
  if (UNWRITABLE.test(code)) {
    const hint = "See what the server says, that the user may make and write tables, and that its disk has room.";
    return made("write-failed", `the store ${place} cannot be written`, hint);
  }
  if (code === NO_STUDY)
    return made("study-lost", "the study was removed by another process", "Begin it again under another name.");
  if (BAD_TEXT.test(code))
    return made("invalid-argument", "text that no database keeps", "Leave out characters of code 0.");
  return error;
}
