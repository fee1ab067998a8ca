import { DrmadError } from "../errors.ts";
import { isPerExample } from "../study/examples.ts";
import type { Example, Examples } from "./api.ts";
import { inJson } from "./json.ts";
import { keptStep, tensorIn, type Arrays, type Study } from "./reader.ts";
import { startOf } from "./tensor-map.ts";

const MOST_SORTED = 500;
/** Of the worst and of the best rows. */
const SHOWN = 24;

/**
 * The training rows by the value that a tensor has for each of them; rows whose value is NaN come last, and are not shown.
 * @throws DrmadError invalid-argument for a tensor that has none; file-not-found, malformed-file
 */
export async function examples(study: Study, step: number, tensor: string): Promise<Examples> {
  const start = startOf(study);
  const { data, shape } = tensorIn(await study.arrays(keptStep(study, step).sequence), tensor);
  const perStep = start?.tensors?.find(({ name }) => name === tensor)?.perStep ?? false;
  if (start === undefined || !isPerExample({ shape, perStep }, start.rows?.["train"] ?? 0)) {
    throw new DrmadError(
      "invalid-argument",
      `the tensor ${JSON.stringify(tensor)} has no value for each training row`,
      {
        hint: "Ask for one that /api/study marks as perExample.",
      },
    );
  }
  const began = study.log.find(({ event }) => event.type === "start")!;
  const kept = began.arrays ? await study.arrays(began.sequence) : {};
  const order = Array.from(data.keys()).filter((row) => !Number.isNaN(data[row]));
  order.sort((a, b) => data[a]! - data[b]! || a - b);
  const example = (row: number): Example => ({ row, value: inJson(data[row]!), ...pictureOf(kept, row, start.image) });
  const all = [...order.map((row) => data[row]!), ...Array.from(data.filter(Number.isNaN))];
  return {
    sorted: inJson(evenly(all)),
    worst: order.slice(0, SHOWN).map(example),
    best: order.slice(-SHOWN).reverse().map(example),
  };
}

/** At most 500 of them, the first and the last among them. */
function evenly(values: readonly number[]): readonly number[] {
  if (values.length <= MOST_SORTED) return values;
  return Array.from(
    { length: MOST_SORTED },
    (_, i) => values[Math.round((i * (values.length - 1)) / (MOST_SORTED - 1))]!,
  );
}

function pictureOf(
  kept: Arrays,
  row: number,
  image: { readonly height: number; readonly width: number } | undefined,
): Pick<Example, "label" | "picture"> {
  const pixels = kept["examples/pixels"];
  const label = kept["examples/labels"]?.data[row] ?? null;
  if (pixels === undefined || image === undefined) return { label, picture: null };
  const size = image.height * image.width;
  return { label, picture: { ...image, pixels: base64(pixels.data.subarray(row * size, (row + 1) * size)) } };
}

function base64(bytes: ArrayLike<number>): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return btoa(text);
}
