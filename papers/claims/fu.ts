import type { Recorded } from "../../src/cli/reproduction.ts";
import { mean, plusMinus, show, standardError } from "../statistics.ts";
import { type Judgement, onPage, type Paper, rangeOnPage, tableOf, valuesOf } from "./claim.ts";
import { every, improves, IMPROVES, isAbove, keeps, KEEPS, lesser, some, verdictOf } from "./rules.ts";

const ERROR = "Test error at the outer step";
const DRMAD = "DrMAD as published";

/** A table with a factor for each decay: whether all of them reach what is claimed. What is counted has no spread. */
const factors =
  (title: string, bound: number) =>
  (recorded: Recorded): Judgement => {
    const { rows } = tableOf(recorded, title);
    const each = rows.map(({ name, values }) => ({ name, values: values.map(Number) }));
    const reached = each.map(({ values }) => {
      const error = values.length > 1 ? standardError(values) : 0;
      return isAbove({ difference: mean(values), error }, bound);
    });
    return {
      verdict: verdictOf({ whole: every(reached), part: some(reached) }),
      figures: `${each.map(({ name, values }) => `${plusMinus(values, 1)} times with ${name}`).join(", ")}; claimed are ${bound}.`,
    };
  };

const PUBLISHED_ROW = "| drmad as published";

function nearEnough(page: string): Judgement {
  const [start, later] = [onPage(page, PUBLISHED_ROW, 2), onPage(page, PUBLISHED_ROW, 3)];
  const every = onPage(page, "| drmad, every step", 2);
  const good = [start, later].filter((cosine) => cosine >= 0.9).length;
  return {
    verdict: good === 2 ? "holds" : good === 1 ? "holds partly" : "does not hold",
    figures: `Cosine ${show(start, 3)} at the start and ${show(later, 3)} after ten outer steps; with a sample for every step ${show(every, 3)} at the start, and no finite number later. One seed.`,
  };
}

const TENTH_ROW = "`drmad:T/10`, T = ";
const [SHORT, LONG] = [2000, 20_000];

function constantMemory(page: string): Judgement {
  const rows = [`${TENTH_ROW}2,000`, `${TENTH_ROW}20,000`] as const;
  const [short, long] = [onPage(page, rows[0]), onPage(page, rows[1])];
  const [before, after] = [rangeOnPage(page, rows[0]), rangeOnPage(page, rows[1])];
  const stored = onPage(page, "`reverse` (");
  // What the further steps' states would take.
  const further = (stored * (LONG - SHORT)) / SHORT;
  const shareOf = (growth: number): number => growth / further;
  const [least, most] = [shareOf(after[0] - before[1]), shareOf(after[1] - before[0])];
  const scatter = Math.max(...[before, after].map(([from, to]) => to - from));
  return {
    verdict: most <= 0.01 ? "holds" : least > 0.01 ? "does not hold" : "not decided",
    figures: `${show(short, 1)} MB beyond plain training with 2,000 steps, ${show(long, 1)} MB with 20,000: medians of processes whose figures lie up to ${show(scatter, 0)} MB apart. Storing every state took ${show(stored, 0)} MB with 2,000 steps; those of 18,000 more would take ${show(further, 0)} MB, of which the growth is ${show(100 * shareOf(long - short), 2)} %, and ${show(100 * most, 2)} % between the least process with 2,000 steps and the largest with 20,000.`,
  };
}

const SCHEDULES = {
  table: "Training loss at the last step",
  way: "schedules, DrMAD",
  start: "untuned",
} as const;

function schedules(recorded: Recorded): Judgement {
  const judgement = lesser(improves(SCHEDULES), keeps({ ...SCHEDULES, best: "schedules, exact" }))(recorded);
  const cosine = (part: string): string => plusMinus(valuesOf(recorded, `Cosine to the exact first hypergradient: ${part}`, "DrMAD"), 3); // prettier-ignore
  return {
    ...judgement,
    figures: `${judgement.figures} Cosine of DrMAD's first hypergradient to it: ${cosine("rates")} in the rates, ${cosine("decays")} in the decays.`,
  };
}

const SHARING = {
  tables: ["Test loss at the outer step", "Test error at that step"],
  keeps: { way: "learned sharing (300), DrMAD", start: "separate networks", best: "learned sharing (300), exact" },
} as const;

const penalties = { table: ERROR, way: DRMAD, start: "untuned" } as const;

export const FU: Paper = {
  title: "Fu, Luo, Feng, Low, Chua 2016: DrMAD",
  claims: [
    {
      says: "DrMAD tunes hundreds of penalties of a network on MNIST, and lowers its test error",
      where: "Section 4",
      evidence: {
        kind: "run",
        id: "2016-fu/mnist-penalties",
        rule: IMPROVES,
        judge: improves(penalties),
        tables: [ERROR],
        picture: "curves",
        unlike:
          "Unlike the paper: a decay of .95, that of the authors' later code, where the paper had .1; ten seeds of data and weights, and a test set that chooses nothing.",
      },
    },
    {
      says: "It hardly compromises what the exact hypergradient achieves: penalties on MNIST",
      where: "Abstract and section 4",
      evidence: {
        kind: "run",
        id: "2016-fu/mnist-penalties",
        rule: KEEPS,
        judge: keeps({ ...penalties, best: "exact" }),
        tables: [ERROR],
      },
    },
    {
      says: "It hardly compromises what the exact hypergradient achieves: sharing between networks",
      where: "The authors' repository; there the exact figures are of another training than DrMAD's",
      evidence: {
        kind: "run",
        id: "2015-maclaurin/omniglot-sharing",
        rule: `Of the test loss and of the test error; the lesser verdict stands. ${KEEPS}`,
        judge: lesser(...SHARING.tables.map((table) => keeps({ ...SHARING.keeps, table }))),
        tables: SHARING.tables,
      },
    },
    {
      says: "The straight line from the first to the last weights stands for training",
      where: "Abstract",
      evidence: {
        kind: "page",
        page: "methods.md",
        command: "DRMAD_DATA=FOLDER npx jiti bench/published/frontier.ts",
        rule: "It holds where the cosine to the exact hypergradient on the published problem is .9 or more, at the start and after ten outer steps, and partly where it is at one of them. The bound is what drmad asks of a direction to trust it.",
        judge: nearEnough,
        unlike: "Unlike the paper: a penalty for each weight instead of one for each input, and a decay of .95.",
      },
    },
    {
      says: "It serves for learning rates at every step as well",
      where: "The authors' page; the paper has no figures of it",
      evidence: {
        kind: "run",
        id: "2016-fu/schedules",
        rule: `Two rules, of which the lesser verdict stands. ${IMPROVES} ${KEEPS}`,
        judge: schedules,
        tables: [SCHEDULES.table, "Cosine to the exact first hypergradient: rates"],
        picture: "cosines",
      },
    },
    {
      says: "It is at least 45 times faster than exact reversible learning",
      where: "Abstract",
      evidence: {
        kind: "run",
        id: "2016-fu/costs",
        rule: "It holds where reversible learning takes more than 45 times as long for a hypergradient by two standard errors or more, with both decays, and partly where it does with one.",
        judge: factors("Reversible learning beside DrMAD as published", 45),
        tables: ["Reversible learning beside DrMAD as published", "Time of a hypergradient, training included"],
        picture: "cost-decay-0.1",
        besides: {
          page: "performance.md",
          tell: (page) =>
            `The benchmark's own figures, with a decay of .95 and a penalty for each weight: ${show(onPage(page, "`drmad:T/10` as published"))} times plain training for DrMAD as published, ${show(onPage(page, "`reverse`, every state stored"))} for the exact hypergradient along stored states.`,
        },
      },
    },
    {
      says: "It needs a hundredth of the memory of exact reversible learning",
      where: "Abstract",
      evidence: {
        kind: "run",
        id: "2016-fu/costs",
        rule: "Bytes are counted, at 2,000 steps, in two ways: as kept here, and of DrMAD two weight vectors only. It holds where reversible learning keeps more than a hundred times the bytes by both, with both decays, and partly where it does in one case.",
        judge: factors("Reversible learning beside DrMAD: bytes kept", 100),
        tables: ["Reversible learning beside DrMAD: bytes kept"],
        besides: {
          page: "methods.md",
          tell: (page) =>
            `Counted beside two states, with a decay of .95 and 2,000 steps, the exact gradient takes ${show(onPage(page, "| reversible  "), 1)} MB in integers and ${show(onPage(page, "| every state in float32"), 0)} MB along stored states; DrMAD keeps nothing there.`,
        },
      },
    },
    {
      says: "Nothing of the trajectory is stored: memory does not grow with the number of steps",
      where: "Abstract",
      evidence: {
        kind: "page",
        page: "performance.md",
        command: "DRMAD_DATA=FOLDER npm run bench",
        rule: "It holds where ten times as many steps add no more than a hundredth of what the states of the further steps would take, even from the least process with few steps to the largest with many. It does not hold where they add more even from the largest to the least.",
        judge: constantMemory,
      },
    },
    {
      says: "A server that averages the hypergradients of several machines tunes as well",
      where: "The authors' repository",
      evidence: { kind: "none", why: "There is no reproduction of it." },
    },
    {
      says: "It tunes convolutional networks on CIFAR-10",
      where: "The authors' repository, without results",
      evidence: { kind: "none", why: "There is no reproduction of it." },
    },
  ],
};
