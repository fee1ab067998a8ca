import type { TensorCurve } from "./api.ts";
import { inJson } from "./json.ts";
import { tensorIn, yieldTurn, type Study } from "./reader.ts";
import { medianOf } from "./median.ts";

/** Most values that are shown each for itself. */
const MOST_EACH = 16;

interface At {
  readonly least: number;
  readonly median: number;
  readonly most: number;
  readonly each?: readonly number[];
}

/** How a tensor moved, from the files of all kept steps. @throws DrmadError invalid-argument, file-not-found, malformed-file */
export async function tensorCurve(study: Study, tensor: string): Promise<TensorCurve> {
  const kept = study.steps.filter((step) => step.kept);
  const points: At[] = [];
  for (const { sequence } of kept) {
    points.push(
      await study.digest(`curve ${tensor}`, sequence, async () => {
        await yieldTurn();
        return valuesAt(tensorIn(await study.arrays(sequence), tensor).data);
      }),
    );
  }
  const each = points.flatMap((point) => (point.each === undefined ? [] : [inJson(point.each)]));
  return {
    steps: kept.map(({ record }) => record.step),
    least: inJson(points.map(({ least }) => least)),
    median: inJson(points.map(({ median }) => median)),
    most: inJson(points.map(({ most }) => most)),
    ...(each.length === points.length && points.length > 0 && { each }),
  };
}

/** Of the finite values; NaN where there are none. */
function valuesAt(data: ArrayLike<number>): At {
  const finite = Float64Array.from(data).filter(Number.isFinite);
  let [least, most] = [NaN, NaN];
  for (const value of finite) {
    if (!(value >= least)) least = value;
    if (!(value <= most)) most = value;
  }
  const few = data.length <= MOST_EACH;
  return { least, median: medianOf(finite), most, ...(few && { each: Array.from(data) }) };
}
