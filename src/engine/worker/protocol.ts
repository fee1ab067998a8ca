import type { ErrorCode } from "../../errors.ts";
import type {
  Buffer,
  EngineDescription,
  HeldArray,
  Information,
  Program,
  Range,
  ReversibleProgram,
} from "../engine.ts";
import type { NativeOptions } from "../onnx/session.ts";

/** What the main thread asks of the engine's thread: the engine interface, call by call. */
export type Request =
  | { readonly call: "open"; readonly options: NativeOptions }
  | { readonly call: "compile"; readonly program: Program }
  | {
      readonly call: "run";
      readonly executable: number;
      readonly inputs: Readonly<Record<string, Buffer>>;
      readonly range?: Range;
    }
  | { readonly call: "compileReversible"; readonly program: ReversibleProgram }
  | { readonly call: "begin"; readonly reversible: number; readonly weights: Readonly<Record<string, Buffer>> }
  | {
      readonly call: "forward";
      readonly reversal: number;
      readonly inputs: Readonly<Record<string, Buffer>>;
      readonly range: Range;
    }
  | {
      readonly call: "back";
      readonly reversal: number;
      readonly inputs: Readonly<Record<string, Buffer>>;
      readonly range: Range;
      readonly keep: readonly string[];
    }
  | { readonly call: "state" | "information" | "end"; readonly reversal: number }
  | { readonly call: "load"; readonly buffer: number; readonly array: HeldArray }
  | { readonly call: "read"; readonly buffer: Buffer }
  | { readonly call: "free"; readonly buffers: readonly Buffer[] }
  | { readonly call: "verify"; readonly program: Program; readonly inputs: Readonly<Record<string, HeldArray>> }
  | { readonly call: "close" };

export interface Numbered {
  readonly id: number;
  readonly request: Request;
}

/** Errors keep their code and hint across threads. */
export interface Failure {
  readonly message: string;
  readonly code?: ErrorCode;
  readonly hint?: string;
  readonly stack?: string;
}

export type Reply =
  | {
      readonly id: number;
      readonly value:
        EngineDescription | Information | Record<string, Buffer> | Buffer | HeldArray | number | undefined;
    }
  | { readonly id: number; readonly failure: Failure };
