import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { keptNote } from "../data/study.ts";

export interface StepSliderProps {
  /** Outer steps whose tensors are kept, in order. */
  readonly kept: readonly number[];
  readonly best: number | null;
  /** Null follows the latest. */
  readonly chosen: number | null;
  readonly choose: (step: number | null) => void;
  readonly running: boolean;
  /** How many outer steps there are, whether their tensors are kept or not. */
  readonly all: number;
  /** What is kept of them. */
  readonly what: "arrays" | "hypergradients";
}

/** More of them would run into each other. */
const MOST_NAMED = 13;

/** The outer step that is looked at: the latest, until another is chosen. Arrow keys move it from anywhere on the page. */
export function StepSlider({ kept, best, chosen, choose, running, all, what: kind }: StepSliderProps): JSX.Element {
  const latest = kept.length - 1;
  const found = chosen === null ? latest : kept.indexOf(chosen);
  const index = found < 0 ? latest : found;
  const go = (to: number): void => {
    const at = Math.min(Math.max(to, 0), latest);
    choose(at === latest ? null : kept[at]!);
  };
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const inside =
        event.target instanceof Element &&
        event.target.closest("input, textarea, select, canvas, dialog, .scroll") !== null;
      if (inside || event.ctrlKey || event.metaKey || event.altKey) return;
      const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: latest }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      go(to);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  const step = kept[index]!;
  const what = [
    step === 0 ? "untuned" : "",
    step === best ? "best" : "",
    index === latest ? (running ? "latest, follows" : "latest") : "",
  ]
    .filter(Boolean)
    .join(", ");
  return (
    <div class="step-slider">
      <label for="step">Outer step</label>
      <button type="button" aria-label="One outer step back" disabled={index === 0} onClick={() => go(index - 1)}>
        ←
      </button>
      <span class="step-track">
        <input
          id="step"
          type="range"
          min={0}
          max={latest}
          step={1}
          value={index}
          aria-valuetext={`outer step ${step}${what === "" ? "" : `, ${what}`}`}
          onInput={(event) => go(Number(event.currentTarget.value))}
        />
        {latest > 0 && (
          <span class="step-names" aria-hidden="true">
            {named(latest).map((i) => (
              <span key={i} style={{ left: `${(100 * i) / latest}%` }}>
                {kept[i]}
              </span>
            ))}
          </span>
        )}
      </span>
      <button type="button" aria-label="One outer step on" disabled={index === latest} onClick={() => go(index + 1)}>
        →
      </button>
      <output for="step">
        <b>{step}</b>{" "}
        <span class="muted">
          of {all - 1}
          {what === "" ? "" : ` · ${what}`}
        </span>
      </output>
      {best !== null && kept.includes(best) && (
        <button type="button" class="quiet" disabled={step === best} onClick={() => go(kept.indexOf(best))}>
          Best
        </button>
      )}
      <button type="button" class="quiet" disabled={index === latest} onClick={() => go(latest)}>
        Latest
      </button>
      {kept.length < all && (
        <p class="note">
          {`${keptNote(kept.length, all, `${kind} are kept`)} The slider stops at these; losses and metrics are kept at all.`}
        </p>
      )}
    </div>
  );
}

/** Which stops have their number below: all where they are few, else about ten and the last. */
function named(latest: number): readonly number[] {
  const every = latest < MOST_NAMED ? 1 : Math.ceil(latest / 10);
  const found = Array.from({ length: Math.floor(latest / every) + 1 }, (_, i) => i * every);
  return found.at(-1) === latest ? found : [...found.filter((i) => latest - i > every / 2), latest];
}
