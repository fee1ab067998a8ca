import type { Point } from "../data/point.ts";
import type { Problem } from "../problem/problem.ts";
import { outsideDomain } from "../problem/settings.ts";

/**
 * What to tell where a hyperparameter that is a rate, decay or the like of the dynamics has left its domain, once for each.
 * @param told names of those told of already; these are added
 */
export function leavingWarnings(
  { settings }: Problem,
  point: Point,
  outerStep: number,
  told: Set<string>,
): readonly string[] {
  return outsideDomain(settings, (name) => point[name]!).flatMap(({ tensor, setting, domain, value, transform }) => {
    if (told.has(tensor.name)) return [];
    told.add(tensor.name);
    return [
      `hyperparameter ${tensor.name} is ${value} from outer step ${outerStep} on, outside its domain: ${setting} is ${domain}; ` +
        `{ transform: "${transform}" } would keep it inside`,
    ];
  });
}
