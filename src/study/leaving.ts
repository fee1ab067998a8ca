import type { Point } from "../data/point.ts";
import type { Problem } from "../problem/problem.ts";
import { outsideDomain } from "../problem/settings.ts";
import type { Warning } from "./events.ts";

/**
 * What to tell where a hyperparameter that is a rate, decay or the like of the dynamics has left its domain, once for each.
 * @param told names of those told of already
 */
export function leavingWarnings(
  { settings }: Problem,
  point: Point,
  outerStep: number,
  told: readonly string[],
): readonly ({ readonly type: "warning" } & Warning)[] {
  const out = outsideDomain(settings, (name) => point[name]!);
  // One tensor may be several settings.
  const first = out.filter(({ tensor }, i) => out.findIndex((other) => other.tensor.name === tensor.name) === i);
  return first
    .filter(({ tensor }) => !told.includes(tensor.name))
    .map(({ tensor, setting, domain, value, transform }) => ({
      type: "warning",
      message:
        `hyperparameter ${tensor.name} is ${value} from outer step ${outerStep} on, outside its domain: ${setting} is ${domain}; ` +
        `{ transform: "${transform}" } would keep it inside`,
      left: tensor.name,
    }));
}
