import { DrmadError } from "../errors.ts";

const invalid = (message: string, hint: string): DrmadError => new DrmadError("invalid-argument", message, { hint });

/** A parameter of an address. @throws DrmadError invalid-argument */
export function textIn(query: URLSearchParams, name: string): string {
  const found = query.getAll(name);
  if (found.length === 1 && found[0] !== "") return found[0]!;
  throw invalid(`the parameter ${name} is ${found.length > 1 ? "given twice" : "missing"}`, `Give ${name}=… once.`);
}

const MOST_NUMBER = 2 ** 31 - 1;

/** @throws DrmadError invalid-argument */
export function numberIn(query: URLSearchParams, name: string, otherwise?: number): number {
  if (otherwise !== undefined && !query.has(name)) return otherwise;
  const text = textIn(query, name);
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value <= MOST_NUMBER) return value;
  throw invalid(`the parameter ${name} is no step`, `Give a whole number from 0 to ${MOST_NUMBER}.`);
}

/** @throws DrmadError invalid-argument */
export function choiceIn<const T extends string>(query: URLSearchParams, name: string, choices: readonly T[]): T {
  const text = textIn(query, name);
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw invalid(`the parameter ${name} is none that there is`, `Give ${choices.join(" or ")}.`);
}

/** Most bytes of a body. */
const MOST_BODY = 2 ** 20;

/** What is wrong with the size of a body is no matter of JSON, so it has an answer of its own. */
export class TooLarge extends Error {}

/** The text of a body, read no further than it may be. @throws TooLarge, DrmadError invalid-argument */
async function bodyOf(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > MOST_BODY) throw new TooLarge();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    bytes += part.value.length;
    if (bytes > MOST_BODY) {
      await reader?.cancel();
      throw new TooLarge();
    }
    parts.push(part.value);
  }
  const whole = new Uint8Array(bytes);
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(whole);
  } catch {
    throw invalid("the body is no UTF-8", "Send JSON.");
  }
}

export type Fields = Readonly<Record<string, unknown>>;

/** A record of exactly these fields. @throws TooLarge, DrmadError invalid-argument */
export async function fieldsOf(request: Request, names: readonly string[]): Promise<Fields> {
  const text = await bodyOf(request);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid("the body is no JSON", `Send a record of ${names.join(", ")}.`);
  }
  const given = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? Object.keys(parsed) : [];
  if (given.length !== names.length || !names.every((name) => given.includes(name)))
    throw invalid("the body has other fields than it must", `Send a record of ${names.join(", ")}.`);
  return parsed as Fields;
}

/** Text that any store keeps as it is: without NUL and halves of characters. @throws DrmadError invalid-argument */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string" && !/[\0\p{Cs}]/u.test(value)) return value;
  throw invalid(`${name} is no text, or holds what no text holds`, "Send a string of whole characters.");
}

const [MOST_TAGS, MOST_TAG] = [100, 200];

/** @throws DrmadError invalid-argument */
export function tagsOf(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  const fits = (tag: unknown): tag is string =>
    typeof tag === "string" && tag.trim() !== "" && tag.length <= MOST_TAG && !/[\p{Cc}\p{Cs}]/u.test(tag);
  if (Array.isArray(value) && value.length <= MOST_TAGS && value.every(fits)) return value;
  throw invalid(`${name} are no list of words`, `Send at most ${MOST_TAGS} strings of 1 to ${MOST_TAG} characters.`);
}
