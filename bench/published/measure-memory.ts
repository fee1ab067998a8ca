import { spawnSync } from "node:child_process";
import { fromSource } from "./contestants.ts";
import { figure, median, type Figure } from "./figures.ts";
import { METHODS, TABLE_STEPS } from "./problem.ts";

const LONG_STEPS = 20_000;
const MB = 1e6;
const GROWTH_BOUND = 2;
const WHOLE_BOUND = 512;

function peak(method: string, steps: number, batches: "table" | "sampler"): number | undefined {
  const [command, ...args] = fromSource("memory.ts", method, steps, batches);
  const { stdout, status } = spawnSync(command!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) throw new Error(`memory.ts ${method} ${steps} ended with code ${status}`);
  return (JSON.parse(stdout) as { peak: number | null }).peak ?? undefined;
}

/** Peak sizes in MB, process after process in turn: one list for plain training, then one for each method. */
function peaks(
  methods: readonly string[],
  steps: number,
  batches: "table" | "sampler",
  rounds: number,
  say: (line: string) => void,
): number[][] {
  const all = ["plain", ...methods].map(() => [] as number[]);
  for (let round = 1; round <= rounds; round++) {
    say(`memory at T = ${steps}, round ${round} of ${rounds}`);
    ["plain", ...methods].forEach((method, i) => all[i]!.push(peak(method, steps, batches)! / MB));
  }
  return all;
}

const less = (above: readonly number[], below: readonly number[]): number[] => above.map((v, i) => v - below[i]!);

/**
 * Extra memory: the peak of a fresh process running a method, less that of a fresh process doing the same plain training
 * and the outer loss's value and gradient. Each round gives one difference.
 */
export function measureMemory(rounds: number, say: (line: string) => void): readonly Figure[] {
  // This first process fills the loader's cache of compiled sources, which would count as memory.
  if (peak("plain", 10, "table") === undefined) {
    say("this system does not tell a process's peak memory (VmHWM in /proc/self/status): memory is left out");
    return [];
  }
  const names = Object.keys(METHODS);
  const [plain, ...each] = peaks(names, TABLE_STEPS, "table", rounds, say) as [number[], ...number[][]];
  const [plainLong, publishedLong, checkpointedLong] = peaks(
    ["published", "checkpointed"],
    LONG_STEPS,
    "sampler",
    rounds,
    say,
  ) as [number[], number[], number[]];
  const short = less(each[names.indexOf("published")]!, plain);
  return [
    figure(`plain training and outer loss, T = ${TABLE_STEPS}, in all`, "MB", plain),
    figure(`plain training and outer loss, T = ${LONG_STEPS}, in all`, "MB", plainLong),
    ...names.map((name, i) => {
      const { shown, memory } = METHODS[name]!;
      return figure(
        `${shown}, T = ${TABLE_STEPS}`,
        "MB",
        less(each[i]!, plain),
        memory === undefined ? {} : { bound: memory },
      );
    }),
    figure(`published DrMAD, T = ${LONG_STEPS}`, "MB", less(publishedLong, plainLong), {
      bound: Number((median(short) + GROWTH_BOUND).toFixed(1)),
    }),
    figure(`checkpointed, 28 MB, T = ${LONG_STEPS}, in all`, "MB", checkpointedLong, { bound: WHOLE_BOUND }),
  ];
}
