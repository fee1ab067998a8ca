import { CommanderError } from "commander";
import { DrmadError, type ErrorCode } from "../errors.ts";
import { described, originOf } from "./origin.ts";

/** What a command ends with when it does not succeed: for people, for programs, and for the shell. */
export interface Failure {
  readonly code: ErrorCode | "usage" | "defect";
  readonly message: string;
  readonly hint: string | undefined;
  readonly exit: number;
}

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

const EXITS: Partial<Record<ErrorCode, number>> = {
  "non-finite": EXIT_FAILED,
  "not-stationary": EXIT_FAILED,
  "not-converged": EXIT_FAILED,
  "engine-disagrees": EXIT_FAILED,
  "engine-unavailable": EXIT_FAILED,
  "study-lost": EXIT_FAILED,
  cancelled: EXIT_INTERRUPTED,
};

export function failureOf(error: unknown): Failure {
  if (error instanceof DrmadError) {
    const { place } = originOf(error);
    const located = place === undefined || error.message.includes(place) ? "" : ` (${place})`;
    return {
      code: error.code,
      message: `${oneLine(error.message).replace(/\.$/, "")}${located}`,
      hint: error.hint && inWords(error.hint),
      exit: EXITS[error.code] ?? EXIT_USAGE,
    };
  }
  if (error instanceof CommanderError) return usageFailure(error);
  const message = described(error);
  const { ours, place } = originOf(error);
  if (!ours && place !== undefined) {
    return {
      code: "invalid-experiment",
      message: `the experiment threw ${oneLine(message)} (${place})`,
      hint: "Correct it there; --trace shows the whole stack.",
      exit: EXIT_USAGE,
    };
  }
  return {
    code: "defect",
    message: `this is a defect of drmad: ${oneLine(message)}`,
    hint: "Please report it, with the stack below and the command that you ran.",
    exit: EXIT_FAILED,
  };
}

/** A hint of the library, as the command line spells it. */
const inWords = (hint: string): string => hint.replace(/(?:drmad with )?samples: "T"/, "--method drmad");

/** "error: unknown option '--tap'\n(Did you mean --tape?)" as sentences. */
function usageFailure({ message }: CommanderError): Failure {
  const [what, ...suggestions] = message.replace(/^error: /, "").split("\n");
  const suggestion = suggestions.join(" ").replaceAll(/[()]/g, "").trim();
  return {
    code: "usage",
    message: what!.replace(/\.$/, ""),
    hint: suggestion === "" ? "See drmad --help." : suggestion,
    exit: EXIT_USAGE,
  };
}

const oneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, " ");
