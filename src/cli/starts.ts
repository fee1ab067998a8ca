import { DrmadError } from "../errors.ts";
import { lossOf, multiStart, type MultiStart } from "../store/multi-start.ts";
import type { NewStudyOptions } from "../store/persist.ts";
import type { Store } from "../store/store.ts";
import { number, seconds, table } from "./format.ts";
import { writeJson } from "./json.ts";
import type { TuneFlags } from "./tune-command.ts";
import { runTuning, type Tuning } from "./tune-run.ts";
import type { Begun } from "./tune.ts";

/** Which studies belong together, kept with each of them. */
export interface Starts {
  readonly name: string;
  readonly seeds: readonly number[];
}

/** What a study of several starts keeps of them. */
export const startsOf = (options: Readonly<Record<string, unknown>>): Starts | undefined =>
  options["starts"] as Starts | undefined;

/** Tunes from several starts, or goes on with them, shows the best, and a table of all. */
export async function runStarts(
  store: Store,
  experiment: string,
  flags: TuneFlags,
  starts: Starts,
  begun: Begun,
  { tell, ...more }: Partial<NewStudyOptions> & { readonly tell?: (say: (line: string) => void) => void } = {},
): Promise<number> {
  let found: MultiStart | undefined;
  const tuning: Tuning = async (defined, { seed: _seed, seeds: _seeds, onEvent, ...options }, say) => {
    found = await multiStart(defined, {
      ...options,
      ...more,
      store,
      ...starts,
      onEvent(event) {
        if (event.type === "start") tell?.(say);
        onEvent?.(event);
      },
      aboutEach: (name, seed) => ({
        starts,
        begun: { ...begun, args: [...begun.args, `--seed=${seed}`, `--study=${name}`] },
      }),
      onStudy(study, seed, how) {
        if (flags.json === true) writeJson({ type: "study", study, seed, how });
        else if (flags.quiet !== true) process.stderr.write(`\n${study}, seed ${seed}\n`);
        if (how === "again")
          warn(flags, study, `${study} is not in the store any more: it is made again from its start`);
      },
    });
    const { best, studies } = found;
    if (flags.json === true) writeJson({ type: "starts", ...described(found) });
    if (best?.result !== undefined) return best.result;
    throw studies.at(-1)?.error ?? new DrmadError("cancelled", "interrupted before the first start was trained");
  };
  const exit = await runTuning(experiment, { ...flags, study: starts.name }, tuning);
  if (found !== undefined && flags.json !== true) process.stdout.write(`\n${startsTable(found).join("\n")}\n`);
  return exit;
}

function warn({ json }: TuneFlags, study: string, message: string): void {
  if (json === true) writeJson({ type: "warning", study, message });
  else process.stderr.write(`warning: ${message}\n`);
}

const described = ({ studies, best }: MultiStart): object => ({
  studies: studies.map(({ name, seed, result, error }) => ({
    name,
    seed,
    ...(result && { stop: result.stop, best: result.best, valid: result.steps[result.best]!.valid, test: result.test }),
    ...(error && { error: { code: error.code, message: error.message } }),
  })),
  best: best?.name ?? null,
});

function startsTable({ studies, best }: MultiStart): readonly string[] {
  const rows = studies.map(({ name, seed, result, error }) =>
    result === undefined
      ? [name, String(seed), error?.code ?? "", "-", "-", "-", "-", ""]
      : [
          name,
          String(seed),
          result.stop,
          number(result.steps[0]!.valid.loss),
          number(lossOf(result)),
          result.test === undefined ? "-" : number(result.test.tuned.loss),
          seconds(result.seconds),
          name === best?.name ? "best" : "",
        ],
  );
  const heading = ["study", "seed", "stop", "untuned", "valid loss", "test loss", "time", ""];
  return [...table([heading, ...rows]), "The best is chosen by its validation loss; the test rows only measure."];
}
