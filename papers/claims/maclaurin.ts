import type { Recorded } from "../../src/cli/reproduction.ts";
import { mean, plusMinus, show } from "../statistics.ts";
import { type Judgement, onPage, type Paper, rowOf, tableOf, valuesOf } from "./claim.ts";
import {
  compared,
  type Decision,
  every,
  improves,
  IMPROVES,
  isAbove,
  isBelow,
  lesser,
  some,
  told,
  verdictOf,
} from "./rules.ts";

const LOSS = "Training loss at the last step";

/** Schedules from each start against the best constants that were found in any way. */
function schedules(recorded: Recorded): Judgement {
  const { rows } = tableOf(recorded, LOSS);
  const constants = rows.filter(({ name }) => name.includes("constants"));
  const rival = constants.reduce((a, b) => (mean(a.values) <= mean(b.values) ? a : b));
  const learned = rows.filter(({ name }) => name.startsWith("schedules"));
  const each = learned.map(({ name, values }) => ({ name, values, against: compared(values, rival.values) }));
  const lower = each.map(({ against }) => isBelow(against));
  return {
    verdict: verdictOf({ whole: every(lower), part: some(lower) }),
    figures: `${each.map(({ name, values, against }) => `${name}: ${plusMinus(values, 3)}, minus ${rival.name} (${plusMinus(rival.values, 3)}) ${told(against, 3)}`).join("; ")}.`,
  };
}

function smooth(recorded: Recorded): Judgement {
  const averaged = tableOf(recorded, "The same in the mean of").rows;
  const single = tableOf(recorded, "Correlation of neighbouring steps").rows;
  const halves = tableOf(recorded, "Agreement of the means").rows.map(({ values }) => Number(values[0]));
  const above = averaged.filter(({ values }) => Number(values[0]) >= 0.8);
  return {
    verdict: above.length === averaged.length ? "holds" : above.length > 0 ? "holds partly" : "does not hold",
    figures:
      `${above.length} of ${averaged.length} groups. In the mean over ${single[0]!.values.length} seeds: ${averaged.map(({ name, values }) => `${name} ${show(Number(values[0]))}`).join(", ")}; ` +
      `in single seeds ${show(mean(single.map(({ values }) => mean(values.map(Number)))))} on average. Means of two halves of the seeds correlate by ${show(Math.min(...halves))} to ${show(Math.max(...halves))}.`,
  };
}

const SCALES = "Standard deviation of initial weights";
/** Inputs of the four layers, and the deviation that learning starts from. */
const INPUTS = [784, 50, 50, 50];
const START = Math.exp(-3);

const away = (scale: number, inputs: number): number => Math.abs(Math.log(scale * Math.sqrt(inputs)));

function initialScales(recorded: Recorded): Judgement {
  const each = INPUTS.map((inputs, i) => {
    const scales = valuesOf(recorded, SCALES, `weights ${i + 1}`);
    const distances = scales.map((scale) => away(scale, inputs));
    const nearer = compared(
      distances,
      distances.map(() => away(START, inputs)),
    );
    return { inputs, scales, nearer: isBelow(nearer) };
  });
  const nearer = each.map((layer) => layer.nearer);
  const count = nearer.filter((is) => is === "yes").length;
  return {
    verdict: verdictOf({ whole: every(nearer), part: some(nearer) }),
    figures: `${count} of ${each.length} layers come nearer, from ${show(START, 3)}: ${each.map(({ inputs, scales }, i) => `layer ${i + 1} ends at ${plusMinus(scales, 3)}, and 1/√${inputs} is ${show(1 / Math.sqrt(inputs), 3)}`).join("; ")}.`,
  };
}

const SIGNS = "Changes of the gradient's sign";

function chaos(recorded: Recorded): Judgement {
  const bins = tableOf(recorded, SIGNS).rows.filter(({ paper }) => paper !== undefined);
  const agree = bins.filter(({ values, paper }) => Number(values[0]) > 0 === Number(paper) > 0);
  const slopes = tableOf(recorded, "Slopes to the next rate").rows;
  const told = ({ name, values }: (typeof slopes)[number]): string => `${show(Number(values[0]), 0)} % (${name})`;
  const loss = valuesOf(recorded, "Lowest training loss", "training loss")[0]!;
  const at = valuesOf(recorded, "Lowest training loss", "at the log rate")[0]!;
  return {
    verdict:
      bins.length > 0 && agree.length === bins.length ? "holds" : agree.length > 0 ? "holds partly" : "does not hold",
    figures:
      `${agree.length} of ${bins.length} bins. The gradient foretells the sign of the slope to the next rate in ${told(slopes[0]!)} and ${told(slopes.at(-1)!)}. ` +
      `The lowest loss, ${loss.toPrecision(2)}, lies at log rate ${show(at)} (paper: ${rowOf(recorded, "Lowest training loss", "training loss").paper} at ${rowOf(recorded, "Lowest training loss", "at the log rate").paper}). One network and one seed.`,
  };
}

const TEST_LOSS = "Test loss of trainings on all rows";
const STAGES = ["untuned", "one for the network", "then one for each layer", "then one for each input"];

function granularity(recorded: Recorded): Judgement {
  const stages = STAGES.map((name) => valuesOf(recorded, TEST_LOSS, name));
  const steps = stages.slice(1).map((values, i) => compared(values, stages[i]!));
  const equal = compared(stages.at(-1)!, valuesOf(recorded, TEST_LOSS, "one for the network, all steps long"));
  const all = [...steps, equal];
  return {
    verdict: verdictOf({ whole: every(all.map((each) => isBelow(each))), part: isBelow(steps[0]!) }),
    figures: `${STAGES.map((name, i) => `${name} ${plusMinus(stages[i]!, 3)}`).join(", ")}. Stage minus stage before: ${steps.map((step) => told(step, 3)).join(", ")}; inputs minus one value for as many steps: ${told(equal, 3)}.`,
  };
}

const SHARED = "Correlation of networks' weights";

function sharing(recorded: Recorded): Judgement {
  const of = (layer: string, pairs: string): readonly number[] =>
    valuesOf(recorded, SHARED, `${layer} layer, ${pairs}`);
  const [twins, others] = ["an alphabet and its turned twin", "all other pairs"] as const;
  const top = compared(of("top", twins), of("top", others));
  const bottom = compared(of("bottom", others), of("top", others));
  const higher = [top, bottom].map((each) => isAbove(each));
  return {
    verdict: verdictOf({ whole: every(higher), part: some(higher) }),
    figures: `In the top layer twins minus other pairs: ${told(top, 3)}; other pairs in the bottom layer minus the same in the top: ${told(bottom, 3)}.`,
  };
}

const BITS = "Bits that training in integers loses";

function lostBits(recorded: Recorded): Judgement {
  const less = [0.9, 0.98].map((decay) => 32 / valuesOf(recorded, BITS, `decay ${decay} `)[0]!);
  const right = [less[0]! >= 200, less[1]! >= 1000];
  return {
    verdict: right.every(Boolean) ? "holds" : right.some(Boolean) ? "holds partly" : "does not hold",
    figures: `${show(less[0]!, 0)} times less at a decay of .9, ${show(less[1]!, 0)} times at .98. The same on every machine: what is lost depends on the decay and hardly on the run.`,
  };
}

const asClaimed = (times: number): Decision => (times - 1 >= 1.5 && times - 1 <= 2.5 ? "yes" : "no");

/** Times of a hypergradient have the training before it in them. */
function wayBack(page: string): Judgement {
  const [reversible, stored] = ["`reversible`", "`reverse`, every state stored"].map((row) => onPage(page, row)) as [number, number]; // prettier-ignore
  return {
    verdict: verdictOf({ whole: asClaimed(reversible), part: some([reversible, stored].map(asClaimed)) }),
    figures: `${show(reversible - 1)} times the time of training where training is taken back in integers, as in the paper (${show(reversible)} with the training itself), and ${show(stored - 1)} times along stored states (${show(stored)}): on the published problem of DrMAD with 2,000 steps, one thread, medians of processes.`,
  };
}

const sharesOf = { way: "learned sharing (300), exact", start: "separate networks" };
const SHARING_TABLES = ["Test loss at the outer step", "Test error at that step"] as const;

export const MACLAURIN: Paper = {
  title: "Maclaurin, Duvenaud, Adams 2015: reversible learning",
  claims: [
    {
      says: "Schedules learned by hypergradients train lower than the best constants",
      where: "Section 3.1, figures 2 and 3",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/schedules",
        rule: "It holds where schedules learned from every start are lower than the best constants found in any way by more than two paired standard errors, and partly where those from some starts are.",
        judge: schedules,
        tables: [LOSS],
        picture: "rates",
        unlike:
          "Unlike the paper: constants come from a fixed spread of trials, not from Bayesian optimisation; Adam outside is the usual one, not the authors' own.",
      },
    },
    {
      says: "Learned schedules have a shape: large steps in the top layer first, small ones everywhere at the end",
      where: "Section 3.1, figure 2",
      evidence: { kind: "none", why: "Pictures of the run above can be looked at; no figure was made of the shape." },
    },
    {
      says: "The first hypergradient of a rate for each step, averaged over seeds, is smooth over the steps",
      where: "Section 3.1, figure 4",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/smoothness",
        rule: "It holds where neighbouring steps of the mean correlate by .8 or more in every group of weights, and partly where they do in some. The bound is ours: the paper shows it by eye.",
        judge: smooth,
        tables: ["The same in the mean of"],
        picture: "gradients",
        unlike: "Unlike the paper: 50 seeds, as in the authors' script; the paper says 100.",
      },
    },
    {
      says: "Learned initial scales come near one over the root of a layer's inputs",
      where: "Section 3.1, figure 5",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/initial-scales",
        rule: "It holds where the scale of every layer's weights comes nearer to the heuristic, in its logarithm, by more than two standard errors, and partly where some do.",
        judge: initialScales,
        tables: [SCALES],
        picture: "scales",
      },
    },
    {
      says: "A penalty for every weight of logistic regression, learned, lowers the loss",
      where: "Section 3.2, figure 6",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/logistic-l2",
        rule: IMPROVES,
        judge: improves({ table: "Test loss", way: "a penalty for each weight", start: "untuned" }),
        tables: ["Test loss"],
        picture: "maps",
        unlike:
          "Unlike the paper, whose figures are of an earlier variant with 10 steps: 10,000 test images, five seeds; and a row by signs of the same hypergradients.",
      },
    },
    {
      says: "Ten learned images train logistic regression for the whole of MNIST",
      where: "Section 3.3, figure 7",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/training-set",
        rule: IMPROVES,
        judge: improves({ table: "Test loss", way: "ten learned images", start: "untuned: noise" }),
        tables: ["Test loss", "Test error"],
        picture: "images",
        unlike: "Unlike the paper, whose figures are of a variant with 40 training and 20 outer steps: five seeds.",
      },
    },
    {
      says: "Learned sharing between networks beats separate and tied networks",
      where: "Section 3.4, figures 8 and 9",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/omniglot-sharing",
        rule: `Of the test loss and of the test error; the lesser verdict stands. ${IMPROVES}`,
        judge: lesser(...SHARING_TABLES.map((table) => improves({ ...sharesOf, table }))),
        tables: SHARING_TABLES,
        unlike:
          "All layers tied come to about chance, and have to: they share the top layer too, and the same label means another character in each alphabet.",
      },
    },
    {
      says: "The bottom layer comes to be shared by all alphabets, the top layer by an alphabet and its turned twin",
      where: "Section 3.4, figure 9",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/omniglot-sharing",
        rule: "It holds where twins are more alike than other pairs in the top layer, and other pairs more alike in the bottom layer than in the top, each by more than two paired standard errors; partly where one is so.",
        judge: sharing,
        tables: [SHARED],
        picture: "sharing",
      },
    },
    {
      says: "Regularisation learned for the network, then layers, then units lowers the test loss at each stage",
      where: "The authors' repository",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/regularisation-granularity",
        rule: "It holds where each stage is lower than the one before, and the last one lower than one value tuned for as many steps, by more than two paired standard errors; partly where the first stage is lower.",
        judge: granularity,
        tables: [TEST_LOSS],
        picture: "pixels",
      },
    },
    {
      says: "Beyond some learning rate training is chaotic, and its gradient tells nothing",
      where: "Section 4, figure 10",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/chaos",
        rule: "It holds where the gradient changes sign in just those bins of the rate in which it does in the paper's own result file, and partly where that is so for some.",
        judge: chaos,
        tables: [SIGNS],
        picture: "gradient",
        unlike:
          "Unlike the paper: float32. How many changes there are depends on rounding; only whether there are any is compared.",
      },
    },
    {
      says: "Reversing momentum exactly keeps 200 times less than storing, at a decay of .9, and 1,000 times at .98",
      where: "The part on exact arithmetic",
      evidence: {
        kind: "run",
        id: "2016-fu/costs",
        rule: "Against 32 bits for each weight and step. It holds where both factors are reached, and partly where one is.",
        judge: lostBits,
        tables: [BITS],
      },
    },
    {
      says: "The way back takes about twice the time of training",
      where: "The part on exact arithmetic",
      evidence: {
        kind: "page",
        page: "performance.md",
        command: "DRMAD_DATA=FOLDER npm run bench",
        rule: "The paper's way back is the reversible one. It holds where that takes 1.5 to 2.5 times the time of training here, and partly where only the way back along stored states does.",
        judge: wayBack,
      },
    },
  ],
};
