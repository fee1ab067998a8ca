import { DrmadError } from "../errors.ts";
import type { TensorCurve } from "./api.ts";
import { inJson } from "./json.ts";
import { tensorIn, yieldTurn, type Study } from "./reader.ts";
import { medianOf } from "./median.ts";

/** Most values that are shown each for itself. */
const MOST_EACH = 16;

/** What is the matter with a step's file, and not with what was asked. */
const LOST: readonly string[] = ["file-not-found", "malformed-file"];

interface At {
  readonly least: number;
  readonly median: number;
  readonly most: number;
  readonly each?: readonly number[];
}

/**
 * How a tensor moved, from the files of all kept steps; those whose file is lost or damaged are named.
 * @throws DrmadError invalid-argument; file-not-found, malformed-file where no step can be read
 */
export async function tensorCurve(study: Study, tensor: string): Promise<TensorCurve> {
  const points: At[] = [];
  const steps: number[] = [];
  const unreadable: number[] = [];
  let fault: DrmadError | undefined;
  for (const { sequence, kept, record } of study.steps) {
    if (!kept) continue;
    try {
      points.push(
        await study.digest(`curve ${tensor}`, sequence, async () => {
          await yieldTurn();
          return valuesAt(tensorIn(await study.arrays(sequence), tensor).data);
        }),
      );
      steps.push(record.step);
    } catch (error) {
      if (!(error instanceof DrmadError) || !LOST.includes(error.code)) throw error;
      fault ??= error;
      unreadable.push(record.step);
    }
  }
  if (fault !== undefined && points.length === 0) throw fault;
  const each = points.flatMap((point) => (point.each === undefined ? [] : [inJson(point.each)]));
  return {
    steps,
    unreadable,
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
