import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { TensorInfo } from "../../src/server/api.ts";
import { count, num, visible } from "../data/numbers.ts";
import { bestStep } from "../data/study.ts";
import { Nothing } from "../parts/state.tsx";
import { StepSlider } from "../parts/step-slider.tsx";
import { studyAddress } from "../route.ts";
import { shapeText, sizeOf, groupOf, type TensorProps } from "./hyperparameters/tensor.ts";
import { ExampleWeights } from "./hyperparameters/examples.tsx";
import { FilmStrip } from "./hyperparameters/film-strip.tsx";
import { Schedules } from "./hyperparameters/schedules.tsx";
import { TensorMaps } from "./hyperparameters/tensor-maps.tsx";
import { TensorPath } from "./hyperparameters/tensor-path.tsx";
import type { PageProps } from "../parts/not-begun.tsx";

const MOST_LISTED = 400;

/** One tuned tensor at one outer step: values or hypergradient, as whatever it is. */
export function Hyperparameters({
  view,
  study,
  version,
  wanted,
}: PageProps & { readonly wanted: string | undefined }): JSX.Element {
  const { tensors } = view;
  const steps = view.steps.map(({ step }) => num(step));
  const [chosen, choose] = useState<number | null>(null);
  const [of, setOf] = useState<"value" | "hypergradient">("value");
  const [filter, setFilter] = useState("");
  const without = new Set(
    view.steps.flatMap(({ step, gradientNorm }) => (gradientNorm === undefined ? [num(step)] : [])),
  );
  const kept = of === "value" ? view.kept : view.kept.filter((step) => !without.has(step));
  if (tensors.length === 0)
    return (
      <Nothing title="Nothing is known of the tuned tensors.">
        The study does not say what it tunes; the log has what it told.
      </Nothing>
    );
  if (view.kept.length === 0)
    return (
      <Nothing title="No tensors are kept yet.">
        They are there with the first outer step, and appear by themselves.
      </Nothing>
    );
  const tensor = tensors.find(({ name }) => name === wanted) ?? firstToShow(tensors);
  // The last outer step computes no hypergradient, and the first of a study that runs may not have one yet.
  const none = kept.length === 0;
  const step = chosen !== null && kept.includes(chosen) ? chosen : (kept.at(-1) ?? 0);
  const best = bestStep(view);
  const listed = tensors.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
  const props: TensorProps = { study, version, tensor, step, of, best: best === null ? null : num(best.step), steps };
  return (
    <div class="tensor-page">
      <nav class="tensor-list" aria-label="Tuned tensors">
        <h2>Tensors</h2>
        {tensors.length > 12 && (
          <input
            type="search"
            placeholder="Filter"
            aria-label="Filter the tensors"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
        )}
        <ul>
          {listed.slice(0, MOST_LISTED).map((one) => (
            <li key={one.name}>
              <a
                href={studyAddress(study, "hyperparameters", one.name)}
                aria-current={one === tensor ? "true" : undefined}
              >
                <span>{visible(one.name)}</span>
                <span class="muted">{shapeText(one)}</span>
              </a>
            </li>
          ))}
        </ul>
        {listed.length > MOST_LISTED && (
          <p class="note">{`${listed.length - MOST_LISTED} more: filter to find them.`}</p>
        )}
      </nav>
      <div class="tensor-view">
        <div class="tensor-head">
          <h2>
            {visible(tensor.name)}{" "}
            <span class="muted">
              {shapeText(tensor)} · {count(sizeOf(tensor))} value{sizeOf(tensor) === 1 ? "" : "s"} · transform{" "}
              {visible(tensor.transform)}
            </span>
          </h2>
          <div class="choice" role="group" aria-label="What is shown">
            {(["value", "hypergradient"] as const).map((what) => (
              <button key={what} type="button" aria-pressed={of === what} onClick={() => setOf(what)}>
                {what === "value" ? "Value" : "Hypergradient"}
              </button>
            ))}
          </div>
        </div>
        {none && <Nothing title="No hypergradient is kept yet.">The first comes with the first update.</Nothing>}
        {!none && (
          <StepSlider
            kept={kept}
            best={props.best}
            chosen={chosen}
            choose={choose}
            running={view.summary.state === "running"}
            all={of === "value" ? steps.length : steps.length - without.size}
            what={of === "value" ? "arrays" : "hypergradients"}
          />
        )}
        {!none && (
          <FilmStrip
            key={`strip ${tensor.name} ${of}`}
            {...props}
            version={`${kept.length} ${kept.at(-1)}`}
            choose={(to) => choose(to === kept.at(-1) ? null : to)}
          />
        )}
        {!none && tensor.perStep && <Schedules key={`lines ${groupOf(tensor)}`} {...props} tensors={tensors} />}
        {of === "value" && tensor.perExample && <ExampleWeights key={`rows ${tensor.name}`} {...props} />}
        <div class={`tensor-pair${tensor.image?.whole === true ? " beside" : ""}`}>
          {!none && (of === "hypergradient" || sizeOf(tensor) > 1) && (!tensor.perStep || tensor.shape.length > 2) && (
            <TensorMaps key={`map ${tensor.name} ${of}`} {...props} />
          )}
          {of === "value" && <TensorPath key={`path ${tensor.name}`} {...props} />}
        </div>
      </div>
    </div>
  );
}

/** What says most at first sight: images, else the largest. */
const firstToShow = (tensors: readonly TensorInfo[]): TensorInfo =>
  tensors.find(({ image }) => image !== undefined) ?? tensors.reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a));
