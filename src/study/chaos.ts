import type { Hypergradient, Method } from "../hypergradient/method.ts";
import { GROWTH_LIMIT } from "../rollout/rollout.ts";

/** What growth of the adjoint says of a hypergradient: beyond the limit it is the gradient of noise. */
export const isChaotic = ({ growth, growthPassedAt }: Pick<Hypergradient, "growth" | "growthPassedAt">): boolean =>
  growthPassedAt !== undefined || growth > GROWTH_LIMIT;

/** What happened at an outer step, in one sentence. */
export function chaosText(
  outerStep: number,
  { growth, growthPassedAt }: Pick<Hypergradient, "growth" | "growthPassedAt">,
): string {
  const where = growthPassedAt === undefined ? "" : `, past ${GROWTH_LIMIT} times at training step ${growthPassedAt}`;
  return (
    `the hypergradient of outer step ${outerStep} is chaotic and probably useless: ` +
    `the adjoint grew ${growth.toExponential(1)}-fold on its way back${where}`
  );
}

/** What to do about it. */
export function chaosAdvice(
  { exact, name }: Pick<Method, "exact" | "name">,
  steps: number,
  growthPassedAt: number | undefined,
): string {
  // The last step before it passed the limit, going back.
  const sound = growthPassedAt === undefined ? 0 : steps - 1 - growthPassedAt;
  const truncated = sound < 1 ? "truncated:N" : `truncated:${sound}`;
  const cause = exact
    ? "training itself is chaotic here"
    : `either ${name} is far from the true trajectory, for which drmad has growthLimit, or training itself is chaotic`;
  return `${cause}; try a smaller learning rate or initial scale, ${truncated}, or persistentEvolution:N`;
}
