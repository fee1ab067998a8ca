import type { InnerCurves } from "./api.ts";
import { inJson } from "./json.ts";
import type { Study } from "./reader.ts";

/** The training losses that the steps recorded. */
export const innerCurves = ({ steps }: Pick<Study, "steps">): InnerCurves => ({
  curves: steps.flatMap(({ record: { step, inner } }) =>
    inner === undefined ? [] : [{ step, at: inner.at, loss: inJson(inner.loss) }],
  ),
});
