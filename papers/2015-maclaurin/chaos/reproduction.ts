import type { Reproduction, Row } from "../../../src/cli/reproduction.ts";
import { show } from "../../statistics.ts";
import { type At, logRates, type Size, swept } from "./experiments.ts";

const FULL: Size = {
  train: 1000,
  network: [784, 200, 50, 10],
  steps: 50,
  batch: 250,
  precision: "float32",
  from: 0.5,
  to: 2.5,
  points: 1000,
};
const SMALL: Size = { ...FULL, train: 200, network: [784, 20, 10], steps: 30, batch: 50, to: 4, points: 40 };

/** Rates that are kept as one part of the work. */
const TOGETHER = 25;
/** Growth from which drmad calls a hypergradient chaotic. */
const LIMIT = 1e3;
const BIN = 0.2;

/** What the paper's own result file gives, by the lower end of a bin. */
const PAPER_FLIPS: Readonly<Record<string, string>> = {
  "0.4": "0",
  "0.6": "0",
  "0.8": "0",
  "1.0": "0",
  "1.2": "0",
  "1.4": "16",
  "1.6": "29",
  "1.8": "46",
  "2.0": "40",
  "2.2": "82",
};

const flips = (found: readonly At[]): number => {
  const signs = found.flatMap(({ gradient }) => (gradient === null ? [] : [Math.sign(gradient)]));
  return signs.slice(1).filter((sign, i) => sign !== signs[i]!).length;
};

/** How often the gradient has the sign of the slope between a rate and the next one; NaN where there is none. */
function foretold(found: readonly At[]): number {
  const hits = found.slice(1).flatMap((next, i) => {
    const here = found[i]!;
    if (here.gradient === null || here.loss === null || next.loss === null) return [];
    return [Math.sign(next.loss - here.loss) === Math.sign(here.gradient) ? 1 : 0];
  });
  return hits.length === 0 ? NaN : hits.reduce<number>((a, b) => a + b, 0) / hits.length;
}

const largest = (found: readonly At[], what: "gradient" | "growth"): number =>
  Math.max(0, ...found.map((at) => Math.abs(at[what] ?? 0)));
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
/** A row, or none where there is nothing to give. */
const row = (name: string, value: number): Row[] => (Number.isFinite(value) ? [{ name, values: [value] }] : []);

const reproduction: Reproduction = {
  title: "Chaotic learning rates",
  source: "Maclaurin, Duvenaud, Adams 2015 (arXiv 1502.03492), section 4, figure 10, and the authors' repository",
  claim:
    "Beyond some learning rate training becomes chaotic, and the gradient of the final loss in the rate tells nothing.",
  data: ["mnist"],
  minutes: 25,
  config: { full: FULL, small: SMALL },

  async run({ small, folder, part, signal }) {
    const size = small ? SMALL : FULL;
    const rates = logRates(size);
    const found: At[] = [];
    for (let i = 0; i < rates.length; i += TOGETHER) {
      const some = rates.slice(i, i + TOGETHER);
      found.push(...(await part(`rates from ${i}`, () => swept(folder("mnist"), size, some, signal))));
    }
    const first = Math.floor(size.from / BIN + 1e-9);
    const bins = Array.from({ length: Math.ceil(size.to / BIN - 1e-9) - first }, (_, i) => {
      const low = (first + i) * BIN;
      const inside = found.filter(({ logRate }) => logRate >= low - 1e-9 && logRate < low + BIN - 1e-9);
      return { name: `${show(low, 1)} to ${show(low + BIN, 1)}`, low: show(low, 1), inside };
    });
    const finite = found.filter(
      (at): at is At & { loss: number; growth: number; gradient: number } => at.loss !== null,
    );
    const best = finite.reduce((a, b) => (a.loss <= b.loss ? a : b));
    const flagged = finite.find(({ growth }) => growth > LIMIT);
    const firstFlip = found.findIndex((at, i) => i > 0 && flips([found[i - 1]!, at]) > 0);
    const calm = finite.filter(({ growth }) => growth <= LIMIT);
    const wild = finite.filter(({ growth }) => growth > LIMIT);
    const calmFlips = bins.filter(({ inside }) => inside.every(({ growth }) => growth !== null && growth <= LIMIT));
    const wildFlips = bins.filter(({ inside }) => inside.every(({ growth }) => growth === null || growth > LIMIT));
    const perBin = (some: typeof bins): number =>
      some.length === 0 ? NaN : some.reduce((sum, { inside }) => sum + flips(inside), 0) / some.length;
    const said = (some: readonly At[]): string => {
      const share = foretold(some);
      return Number.isFinite(share) ? `${show(100 * share, 0)} %` : "no rates";
    };
    return {
      tables: [
        {
          title: "Changes of the gradient's sign from a rate to the next, by log rate",
          unit: "changes",
          rows: bins.map(({ name, low, inside }) => ({
            name,
            values: [flips(inside)],
            ...(small || PAPER_FLIPS[low] === undefined ? {} : { paper: PAPER_FLIPS[low] }),
          })),
        },
        {
          title: "Largest |gradient| in the log rate",
          unit: "nats",
          rows: bins.flatMap(({ name, inside }) => row(name, largest(inside, "gradient"))),
        },
        {
          title: "Growth of the adjoint, median of the bin",
          unit: "times its size at the end",
          rows: bins.flatMap(({ name, inside }) =>
            row(name, median(inside.flatMap(({ growth }) => (growth === null ? [] : [growth])))),
          ),
        },
        {
          title: "Slopes to the next rate whose sign the gradient foretells",
          unit: "%",
          rows: bins.flatMap(({ name, inside }) => row(name, 100 * foretold(inside))),
        },
        {
          title: "Lowest training loss",
          unit: "nats",
          rows: [
            { name: "training loss", values: [best.loss], paper: ".0024" },
            { name: "at the log rate", values: [best.logRate], paper: "1.66" },
          ],
        },
      ],
      conclusions: [
        flagged === undefined
          ? "The adjoint never grows a thousandfold: no rate of this sweep is flagged as chaotic."
          : `The adjoint first grows a thousandfold, where drmad warns of chaos, at log rate ${show(flagged.logRate)}; ${
              firstFlip < 0
                ? "the gradient never changes sign"
                : `the gradient first changes sign at ${show(found[firstFlip]!.logRate)}`
            }.`,
        `Where drmad does not warn, the gradient foretells the sign of ${said(calm)} of slopes to the next such rate; where it warns, of ${said(wild)}. Signs change ${show(perBin(calmFlips), 1)} and ${show(perBin(wildFlips), 1)} times in a bin without and with warnings throughout.`,
        `The lowest loss, ${best.loss.toPrecision(2)}, lies at log rate ${show(best.logRate)}, ${
          best.growth > LIMIT
            ? "where drmad warns: the best rate is beyond the edge of chaos."
            : "where drmad does not warn."
        }`,
        `${found.length - finite.length} of ${found.length} trainings diverged.`,
      ],
      expectations: [
        {
          what: "at the lowest rates the gradient is finite, and no growth is flagged",
          holds: found.slice(0, 3).every(({ gradient, growth }) => gradient !== null && growth! <= LIMIT),
          found: found
            .slice(0, 3)
            .map(({ growth }) => (growth === null ? "diverged" : show(growth)))
            .join(", "),
        },
        {
          what: "growth is flagged at some rate at which training does not diverge",
          holds: wild.length > 0,
          found: `${wild.length} flagged, ${found.length - finite.length} diverged, of ${found.length}`,
        },
        ...(small
          ? []
          : [
              {
                what: "where growth is not flagged, gradients foretell the slope better than where it is",
                holds: foretold(calm) > foretold(wild),
                found: `${said(calm)} against ${said(wild)}`,
              },
            ]),
      ],
      drawings: {
        loss: {
          kind: "lines",
          title: "Training loss by learning rate",
          subtitle: `after ${size.steps} steps; gaps: training diverged`,
          xLabel: "log learning rate",
          yLabel: "training loss (nats)",
          logY: true,
          series: [{ name: "", x: rates, y: found.map(({ loss }) => loss ?? NaN) }],
        },
        gradient: {
          kind: "lines",
          title: "Size of its gradient, and growth of the adjoint",
          subtitle: "dashed: the growth from which drmad warns of chaos",
          xLabel: "log learning rate",
          yLabel: "|d loss / d log rate| (nats); growth (times)",
          logY: true,
          series: [
            { name: "|gradient|", x: rates, y: found.map(({ gradient }) => Math.abs(gradient ?? NaN)) },
            { name: "growth", x: rates, y: found.map(({ growth }) => growth ?? NaN), emphasis: true },
            { name: "warned of", x: rates, y: rates.map(() => LIMIT), dashed: true },
          ],
        },
      },
    };
  },
};
export default reproduction;
