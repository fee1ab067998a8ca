import { toPng } from "../../picture/png.ts";
import { pngAssets } from "../assets.ts";
import { tunePictures, type Pictured } from "../tune-pictures.ts";
import { stepOf, tensorsOf, type Source, type StepChoice, type Values } from "./source.ts";

/** What is drawn of a source, with its values at an outer step. */
export const picturedOf = (source: Source, step: number, values: Values, start: Values | undefined): Pictured => ({
  experiment: source.info.experiment,
  hyperparameters: source.info.hyperparameters,
  method: source.info.method,
  steps: source.steps,
  best: source.best,
  values,
  at: step,
  start,
  tensors: tensorsOf(source, values),
  parameters: source.info.parameters ?? [],
  image: source.info.image,
});

/** The pictures that `drmad tune` writes, as files by name. */
export async function pictureFiles(
  source: Source,
  choice: StepChoice,
  format: "png" | "svg",
): Promise<readonly (readonly [name: string, bytes: Uint8Array])[]> {
  const step = stepOf(source, choice);
  const study = picturedOf(source, step, await source.valuesAt(step), await source.start());
  const files: [string, Uint8Array][] = [];
  const assets = format === "png" ? pngAssets() : undefined;
  for (const [name, svg] of tunePictures(study)) {
    const bytes = assets === undefined ? new TextEncoder().encode(`${svg}\n`) : await toPng(svg, assets);
    files.push([`${name}.${format}`, bytes]);
  }
  return files;
}
