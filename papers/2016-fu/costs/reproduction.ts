import type { Drawing, Reproduction, Row, Table } from "../../../src/cli/reproduction.ts";
import { mean, plusMinus, show, standardError } from "../../statistics.ts";
import { bitsLost, type Costs, costs, LINE, PLAIN, type Size, SOME, STORED, TAKEN_BACK, TENTH } from "./experiments.ts";

interface Config extends Size {
  /** Of the velocity: the paper's, by its author .1, and that of the authors' later code. */
  readonly decays: readonly number[];
}

const FULL: Config = {
  rows: { train: 15_000, valid: 5_000, test: 5_000 },
  steps: 2000,
  rounds: 7,
  megabytes: 28,
  decays: [0.1, 0.95],
};
const SMALL: Config = {
  rows: { train: 500, valid: 100, test: 100 },
  steps: 100,
  rounds: 1,
  megabytes: 4,
  decays: [0.1],
};

/** Decays of which Maclaurin et al. state what training in integers loses. */
const STATED: Readonly<Record<string, string>> = { "0.5": "1", "0.9": "a 200th of 32", "0.98": "0.029" };
const PAPER = { times: 45, memory: 100 };

const WAYS = [TENTH, LINE, STORED, SOME, TAKEN_BACK] as const;

const ratios = ({ seconds }: Costs, name: string, by: string): number[] =>
  seconds[name]!.map((each, round) => each / seconds[by]![round]!);

/** Bytes of a weight, its velocity and its accumulator in integers. */
const KEPT_BESIDES = 24;

const theory = (decay: number): number => Math.log2(1 / decay);

const megabytes = (bytes: number): string => `${(bytes / 1e6).toPrecision(3)} MB`;

const said = (values: readonly number[], bound: number): string =>
  mean(values) - 2 * (values.length > 1 ? standardError(values) : 0) >= bound
    ? `${bound} or more, as claimed`
    : `less than the ${bound} claimed`;

const table = (title: string, unit: string, rows: readonly Row[]): Table => ({
  title,
  unit,
  repeats: "rounds",
  rows,
});

const reproduction: Reproduction = {
  title: "What DrMAD saves in time and memory",
  source:
    "Fu, Luo, Feng, Low, Chua 2016 (arXiv 1601.00917), abstract; Maclaurin, Duvenaud, Adams 2015, the part on exact arithmetic",
  claim:
    "DrMAD is at least 45 times faster than exact reversible learning (RMAD), and needs about a hundredth of its memory.",
  data: ["mnist"],
  minutes: 3,
  config: { full: FULL, small: SMALL },

  async run({ small, folder, part, signal }) {
    const size = small ? SMALL : FULL;
    const found: { readonly decay: number; readonly at: Costs }[] = [];
    for (const decay of size.decays)
      found.push({ decay, at: await part(`decay ${decay}`, () => costs(folder("mnist"), size, decay, signal)) });
    const bits = found.map(({ decay, at: { lost, weights } }) => ({ decay, each: lost.bits / weights / size.steps }));
    for (const decay of Object.keys(STATED).map(Number))
      bits.push({
        decay,
        each: await part(`bits at decay ${decay}`, () => bitsLost(folder("mnist"), size, decay, signal)),
      });
    bits.sort((a, b) => a.decay - b.decay);
    const faster = ({ at }: (typeof found)[number]): number[] => ratios(at, TAKEN_BACK, TENTH);
    const smaller = ({ at: { bytes } }: (typeof found)[number]): number => bytes[TAKEN_BACK]! / bytes[TENTH]!;
    /** DrMAD needs no velocities where no rate is tuned; ours keeps them, as part of the state. */
    const leastCounted = (each: (typeof found)[number]): number => 2 * smaller(each);
    /** Steps from which reversible learning keeps a hundred times what DrMAD keeps. */
    const hundredfold = ({ at: { bytes, weights, lost } }: (typeof found)[number]): number =>
      (PAPER.memory * bytes[TENTH]! - KEPT_BESIDES * weights) / (lost.bits / 8 / size.steps);
    return {
      tables: [
        ...found.map(({ decay, at }) =>
          table(
            `Time of a hypergradient, training included, with decay ${decay}`,
            "times plain training",
            WAYS.map((name) => ({ name, values: ratios(at, name, PLAIN) })),
          ),
        ),
        table(
          "Seconds of one plain training",
          "seconds",
          found.map(({ decay, at }) => ({ name: `decay ${decay}`, values: at.seconds[PLAIN]! })),
        ),
        table(
          "Reversible learning beside DrMAD as published: time of a hypergradient",
          "times DrMAD's",
          found.map((each) => ({ name: `decay ${each.decay}`, values: faster(each), paper: "45 or more" })),
        ),
        ...found.map(({ decay, at: { bytes } }) =>
          table(
            `Kept of training when the way back begins, first and last state included, with decay ${decay}`,
            "MB, counted",
            WAYS.map((name) => ({ name: name === SOME ? `${name}, at most` : name, values: [bytes[name]! / 1e6] })),
          ),
        ),
        table(
          "Reversible learning beside DrMAD: bytes kept",
          "times DrMAD's",
          found.flatMap((each) => [
            { name: `decay ${each.decay}`, values: [smaller(each)], paper: "100" },
            {
              name: `decay ${each.decay}, of DrMAD two weight vectors only`,
              values: [leastCounted(each)],
              paper: "100",
            },
          ]),
        ),
        table(
          "Bits that training in integers loses",
          "bits a weight and step",
          bits.map(({ decay, each }) => ({
            name: `decay ${decay} (log₂ 1/γ = ${show(theory(decay), 4)})`,
            values: [each],
            ...(STATED[String(decay)] === undefined ? {} : { paper: STATED[String(decay)] }),
          })),
        ),
      ],
      conclusions: [
        ...found.map(
          (each) =>
            `With decay ${each.decay} DrMAD as published is ${plusMinus(faster(each), 1)} times as fast as reversible learning (${said(faster(each), PAPER.times)}), which keeps ${show(smaller(each), 1)} times its bytes (${said([smaller(each)], PAPER.memory)}), and ${show(leastCounted(each), 1)} times where of DrMAD two weight vectors only are counted (${said([leastCounted(each)], PAPER.memory)}).`,
        ),
        `With a sample for every step DrMAD takes ${found.map(({ decay, at }) => `${plusMinus(ratios(at, LINE, PLAIN))} times plain training with decay ${decay}`).join(", ")}; the exact hypergradient along stored states ${found.map(({ at }) => plusMinus(ratios(at, STORED, PLAIN))).join(" and ")}, checkpointed within ${size.megabytes} MB ${found.map(({ at }) => plusMinus(ratios(at, SOME, PLAIN))).join(" and ")}: step for step DrMAD saves ${found.map(({ at }) => plusMinus(ratios(at, SOME, LINE))).join(" and ")} times against checkpointing.`,
        `DrMAD keeps ${megabytes(found[0]!.at.bytes[TENTH]!)} whatever the number of steps; at this rate reversible learning keeps a hundred times as much from ${found.map((each) => `${Math.round(hundredfold(each)).toLocaleString("en")} steps with decay ${each.decay}`).join(" and ")} on, or about half as many by two weight vectors only.`,
        `The lost bits differ from log₂ 1/γ a weight and step by at most ${show(100 * Math.max(...bits.map(({ decay, each }) => Math.abs(each / theory(decay) - 1))), 1)} %; with decay .9, 32 bits a weight and step are ${show(32 / (bits.find(({ decay }) => decay === 0.9)?.each ?? theory(0.9)), 0)} times as much.`,
        "Unlike the paper: its reversible learning kept the bits in Python's integers of any size, ours in words of a native type; its sizes and number of steps for this claim are not known to us. Bytes are counted, of numbers in float32, without the runtime's own work space (docs/performance.md has peaks of whole processes).",
      ],
      expectations: [
        {
          what: "reversible learning gives the exact hypergradient, at cosine .999 or more",
          holds: found.every(({ at }) => at.cosine >= 0.999),
          found: found.map(({ at }) => show(at.cosine, 6)).join(", "),
        },
        {
          // Less in the first steps, while velocities and accumulators are near 0; a little more later, by rounding digits.
          what: "lost bits of a weight are the number of steps times log₂ 1/γ, to within two bits and a half per cent",
          holds: bits.every(
            ({ decay, each }) => Math.abs(each - theory(decay)) * size.steps <= 2 + 0.005 * theory(decay) * size.steps,
          ),
          found: bits.map(({ decay, each }) => `${show(each * size.steps)} and ${show(theory(decay) * size.steps)}`).join(", "), // prettier-ignore
        },
        {
          what: "the network has 44,860 weights",
          holds: found.every(({ at }) => at.weights === 44_860),
          found: found.map(({ at }) => at.weights).join(", "),
        },
        {
          what: "DrMAD keeps less than any exact method",
          holds: found.every(({ at: { bytes } }) =>
            [STORED, SOME, TAKEN_BACK].every((name) => bytes[TENTH]! < bytes[name]!),
          ),
          found: found.map(({ at: { bytes } }) => WAYS.map((name) => megabytes(bytes[name]!)).join(", ")).join("; "),
        },
        // Times say nothing in a test that others run beside.
        ...(small
          ? []
          : [
              {
                what: "DrMAD as published takes less time than reversible learning, in every round",
                holds: found.every((each) => faster(each).every((ratio) => ratio > 1)),
                found: found.map((each) => plusMinus(faster(each), 1)).join(", "),
              },
            ]),
      ],
      drawings: Object.fromEntries(found.map(({ decay, at }) => [`cost-decay-${decay}`, cost(size, decay, at)])),
    };
  },
};
export default reproduction;

const cost = ({ steps }: Size, decay: number, at: Costs): Drawing => ({
  kind: "lines",
  title: "Time of a hypergradient against what is kept of training",
  subtitle: `${steps} steps with decay ${decay}; plain training takes 1`,
  xLabel: "kept (log₁₀ of MB)",
  yLabel: "time (plain training = 1)",
  series: WAYS.map((name) => ({
    name,
    x: [Math.log10(at.bytes[name]! / 1e6)],
    y: [mean(ratios(at, name, PLAIN))],
    emphasis: name === TENTH,
  })),
});
