import { Option, type Command } from "commander";
import * as v from "valibot";
import { DrmadError, nearest } from "../errors.ts";
import type { Method } from "../hypergradient/method.ts";
import { listed } from "./format.ts";
import { methodRule } from "./methods.ts";
import type { Rule } from "./rule.ts";

const decimal = (pattern: RegExp): v.GenericSchema<string, number> =>
  v.pipe(v.string(), v.regex(pattern), v.transform(Number), v.finite());

export const wholeNumber = (least: number, most: number = 2 ** 31 - 1): Rule<number> => ({
  schema: v.pipe(decimal(/^\d+$/), v.minValue(least), v.maxValue(most)),
  allowed: `a whole number from ${least} to ${most}`,
});

export const positiveNumber: Rule<number> = {
  schema: v.pipe(decimal(/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i), v.gtValue(0)),
  allowed: "a number above 0",
};

export const oneOf = <const T extends string>(values: readonly T[]): Rule<T> => ({
  schema: v.picklist(values) as unknown as v.GenericSchema<string, T>,
  allowed: listed(values, "or"),
  choices: values,
  meant: (text) => nearest(text, values),
});

export const folder: Rule<string> = { schema: v.pipe(v.string(), v.nonEmpty()), allowed: "the path of a folder" };

const CHOICES = new WeakMap<Option, readonly string[]>();

/** Texts that an option's value may be, as far as they can be listed. Help has them in the option's own words. */
export const choicesOf = (option: Option): readonly string[] => option.argChoices ?? CHOICES.get(option) ?? [];

/** An option whose value is checked as it is read. */
export function checked<T>(flags: string, about: string, rule: Rule<T>): Option {
  const option = new Option(flags, about);
  if (rule.choices !== undefined) CHOICES.set(option, rule.choices);
  return option.argParser((text: string): T => {
    const result = v.safeParse(rule.schema, text);
    if (result.success) return result.output;
    const meant = rule.meant?.(text);
    throw new DrmadError("invalid-argument", `${option.long} cannot be ${JSON.stringify(text)}`, {
      hint: `${meant === undefined ? "" : `Did you mean ${meant}? `}Give ${rule.allowed}.`,
    });
  });
}

/** What every command that runs an experiment takes. */
export interface RunFlags extends ExperimentFlags {
  readonly method?: Method;
}

export interface ExperimentFlags extends OutputFlags {
  readonly innerSteps?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly engine?: "auto" | "native" | "reference";
  readonly trustEngine?: true;
  readonly data?: string;
}

/** Of what a command was given, the options that the library takes as they are. */
export const given = <F extends object, K extends keyof F>(flags: F, ...names: readonly K[]): Pick<F, K> =>
  Object.fromEntries(names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]]))) as Pick<F, K>;

export interface OutputFlags {
  readonly json?: true;
  readonly trace?: true;
}

export const withOutput = (command: Command): Command =>
  command
    .option("--json", "print one JSON object a line, the last with the result or the error")
    .option("--trace", "show the stack of an error; also DRMAD_TRACE=1");

export const withRun = (command: Command): Command =>
  withExperiment(
    command.addOption(checked("--method <name>", `${methodRule.allowed} (default: the experiment's)`, methodRule)),
  );

export const withExperiment = (command: Command): Command =>
  command
    .addOption(checked("--inner-steps <n>", "training steps of each run (default: the experiment's)", wholeNumber(1)))
    .addOption(checked("--seed <n>", "fixes split, initial weights and minibatches (default: 0)", wholeNumber(0)))
    .addOption(
      checked(
        "--threads <n>",
        "threads of the engine (default: 1, or all cores for large steps)",
        wholeNumber(1, 1024),
      ),
    )
    .addOption(
      checked("--engine <name>", "auto, native or reference (default: auto)", oneOf(["auto", "native", "reference"])),
    )
    .option("--trust-engine", "skip the comparison of compiled steps with the reference interpreter")
    .addOption(
      checked(
        "--data <folder>",
        "the folder of MNIST's files, or one with mnist or data/mnist (default: DRMAD_DATA)",
        folder,
      ),
    );
