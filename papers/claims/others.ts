import type { Recorded } from "../../src/cli/reproduction.ts";
import { plusMinus } from "../statistics.ts";
import { type Judgement, type Paper, valuesOf } from "./claim.ts";
import { improves, IMPROVES, keeps, KEEPS, keepsRule } from "./rules.ts";

const T1_T2 = "noise and penalties of each layer, T1–T2";
const EXACT = "noise and penalties of each layer, exact";
const UNTUNED = "untuned noise and penalty";
const ERROR = "Test error at the outer step";

const ANGLE = "Angle at the outer step";
const TURNED = "Test error on turned digits";
const EVOGRAD = "evograd, 2 copies";

function angle(recorded: Recorded): Judgement {
  const judgement = keeps({ table: TURNED, way: EVOGRAD, start: "upright", best: "turned by the true angle" })(
    recorded,
  );
  const angles = [EVOGRAD, "exact", "scan from"].map((name) => plusMinus(valuesOf(recorded, ANGLE, name), 1));
  return {
    ...judgement,
    figures: `${judgement.figures} Angles found, of 30°: ${angles[0]}° by EvoGrad, ${angles[1]}° by the exact hypergradient, ${angles[2]}° by the scan.`,
  };
}

const CLEANING_CHOSEN = "the optimiser of the learned weights and its rate";
const CLEANING = { table: ERROR, way: "learned weights, exact", start: "wrong labels, no weights" } as const;

/** What was chosen with these seeds' test errors in sight says nothing on them. */
const CHOSEN_ON: readonly number[] = [0, 1, 2, 3, 4];
const freshSeeds = (chosen: string): string => `It is not decided by a run with seeds on which ${chosen} were chosen.`;

/** @param chosen what was, in words */
const onFreshSeeds =
  (chosen: string, judge: (recorded: Recorded) => Judgement) =>
  (recorded: Recorded): Judgement => {
    const { verdict, figures } = judge(recorded);
    const { seeds } = recorded.config as { readonly seeds: readonly number[] };
    const seen = seeds.some((seed) => CHOSEN_ON.includes(seed));
    return {
      verdict: seen ? "not decided" : verdict,
      figures: `${figures} On seeds 0 to 4, whose test errors had been seen, ${chosen} were chosen; these figures are of ${seen ? "those seeds, and stand until others have been run" : `seeds ${seeds.join(", ")}`}.`,
    };
  };

const WEIGHING_CHOSEN = "the rate of Adam and the number of estimates";
const WEIGHING = { table: ERROR, way: EVOGRAD, start: "wrong labels, no weights", oracles: ["true labels"] } as const;
const THROUGH_A_STEP = "oneStep (T1–T2)";

export const OTHERS: readonly Paper[] = [
  {
    title: "Luketina, Berglund, Greff, Raiko 2016: T1–T2",
    claims: [
      {
        says: "Noise and penalties of each layer, tuned through one training step, lower the test error",
        where: "Experiments on MNIST",
        evidence: {
          kind: "run",
          id: "2016-luketina/t1-t2",
          rule: IMPROVES,
          judge: improves({ table: ERROR, way: T1_T2, start: UNTUNED }),
          tables: [ERROR],
          unlike:
            "The paper's figures are no measure for these: they are of networks of up to 4,000, 2,000, 1,000, 500 and 250 units on 55,000 training images.",
          picture: "curves",
        },
      },
      {
        says: "One training step suffices for that",
        where: "The method itself",
        evidence: {
          kind: "run",
          id: "2016-luketina/t1-t2",
          rule: KEEPS,
          judge: keeps({ table: "Test loss at that step", way: T1_T2, start: UNTUNED, best: EXACT }),
          tables: ["Test loss at that step"],
        },
      },
    ],
  },
  {
    title: "Franceschi, Donini, Frasconi, Pontil 2017: data hyper-cleaning",
    claims: [
      {
        says: "A weight for each training example, tuned on clean examples, lowers what wrong labels cost",
        where: "Data hyper-cleaning",
        evidence: {
          kind: "run",
          id: "2017-franceschi/hyper-cleaning",
          rule: `${IMPROVES} ${freshSeeds(CLEANING_CHOSEN)}`,
          judge: onFreshSeeds(CLEANING_CHOSEN, improves({ ...CLEANING, oracles: ["true labels"] })),
          tables: [ERROR],
          picture: "weights",
          unlike:
            "The paper's figures are no measure for these: its authors' code has 1,400 training images, a third of their labels wrong, and 140 clean images.",
        },
      },
      {
        says: "Training with learned weights comes near to training on the right labels",
        where: "Data hyper-cleaning",
        evidence: {
          kind: "run",
          id: "2017-franceschi/hyper-cleaning",
          rule: `${keepsRule("training on the right labels")} ${freshSeeds(CLEANING_CHOSEN)}`,
          judge: onFreshSeeds(CLEANING_CHOSEN, keeps({ ...CLEANING, best: "true labels" })),
          tables: [ERROR],
        },
      },
    ],
  },
  {
    title: "Bohdal, Yang, Hospedales 2021: EvoGrad",
    claims: [
      {
        says: "EvoGrad regains almost all the accuracy that turned digits had cost",
        where: "The rotation experiment",
        evidence: {
          kind: "run",
          id: "2021-evograd/rotation",
          rule: keepsRule("knowing the angle"),
          judge: angle,
          tables: [ANGLE, TURNED],
          picture: "angles",
        },
      },
      {
        says: "A network that weighs examples by their loss, tuned by EvoGrad, lowers what wrong labels cost",
        where: "Noisy labels with Meta-Weight-Net",
        evidence: {
          kind: "run",
          id: "2021-evograd/noisy-labels",
          rule: `${IMPROVES} ${freshSeeds(WEIGHING_CHOSEN)}`,
          judge: onFreshSeeds(WEIGHING_CHOSEN, improves(WEIGHING)),
          tables: [ERROR, "Weight of an example"],
          picture: "weights",
        },
      },
      {
        says: "EvoGrad tunes that network as well as the gradient through a training step",
        where: "Noisy labels with Meta-Weight-Net",
        evidence: {
          kind: "run",
          id: "2021-evograd/noisy-labels",
          rule: `${keepsRule("the gradient through single steps")} ${freshSeeds(WEIGHING_CHOSEN)}`,
          judge: onFreshSeeds(WEIGHING_CHOSEN, keeps({ ...WEIGHING, best: THROUGH_A_STEP })),
          tables: [ERROR],
          picture: "curves",
        },
      },
    ],
  },
];
