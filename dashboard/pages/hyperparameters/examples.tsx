import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Example, Examples } from "../../../src/server/api.ts";
import { useLateAnswer } from "../../data/answer.ts";
import { drawable, figures, short } from "../../data/numbers.ts";
import { at } from "../../data/server.ts";
import { useValue } from "../../data/value.ts";
import { LineChart } from "../../draw/line-chart.tsx";
import { theme } from "../../draw/palette.ts";
import { Loading, Trouble } from "../../parts/state.tsx";
import { sizeOf, type TensorProps } from "./tensor.ts";

/** Weights of the training rows in order of size, and the rows at both ends as they look. */
export function ExampleWeights({ study, tensor, step }: TensorProps): JSX.Element {
  const { data, fault, late } = useLateAnswer<Examples>(at("examples", { study, step, tensor: tensor.name }), "");
  const { lines } = useValue(theme, (found) => found);
  if (data === null) return fault === null ? <Loading what="the training rows" /> : <Trouble fault={fault} soft />;
  const rows = sizeOf(tensor);
  const apart = data.sorted.length > 1 ? (rows - 1) / (data.sorted.length - 1) : 1;
  return (
    <section class={late ? "late" : ""}>
      <LineChart
        title={`${tensor.name}: all training rows in order of size`}
        x={data.sorted.map((_, i) => 1 + Math.round(i * apart))}
        lines={[{ name: tensor.name, y: data.sorted.map(drawable), colour: lines[0]!, width: 2 }]}
        xLabel="rank"
        yLabel={tensor.name}
        whole
        format={short}
        summary={`From ${short(data.sorted[0])} to ${short(data.sorted.at(-1))} over ${rows} training rows.`}
      />
      <div class="example-columns">
        <Pictures title="Lowest values" examples={data.worst} />
        <Pictures title="Highest values" examples={data.best} />
      </div>
    </section>
  );
}

function Pictures({ title, examples }: { readonly title: string; readonly examples: readonly Example[] }): JSX.Element {
  const bare = examples.every(({ picture }) => picture === null);
  return (
    <section>
      <h3>{title}</h3>
      {bare && (
        <p class="note">
          The study keeps no pictures of its rows: its data has no image shape. These are the numbers of the rows.
        </p>
      )}
      <ul class={bare ? "examples bare" : "examples"}>
        {examples.map((example) => (
          <li key={example.row}>
            {example.picture !== null && <Picture example={example} picture={example.picture} />}
            <span>
              {example.label !== null && (
                <>
                  label <b>{example.label}</b>
                </>
              )}{" "}
              <span class="example-value">{figures(example.value)}</span>
              <span class="muted under">row {example.row}</span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Picture({
  example,
  picture,
}: {
  readonly example: Example;
  readonly picture: NonNullable<Example["picture"]>;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { height, width, pixels } = picture;
  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const image = context.createImageData(width, height);
    const bytes = Uint8Array.from(atob(pixels), (c) => c.charCodeAt(0));
    // Dark on light, as ink on paper.
    for (let i = 0; i < width * height; i++)
      image.data.set([255 - bytes[i]!, 255 - bytes[i]!, 255 - bytes[i]!, 255], 4 * i);
    context.putImageData(image, 0, 0);
  }, [pixels, width, height]);
  const label = `training row ${example.row}${example.label === null ? "" : `, label ${example.label}`}`;
  return <canvas ref={canvas} width={width} height={height} role="img" aria-label={label} />;
}
