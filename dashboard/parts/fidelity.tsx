import type { JSX } from "preact";
import type { StudyView } from "../../src/server/api.ts";
import { figures, num, percent, short, visible } from "../data/numbers.ts";
import { keptNote, notes, withGaps } from "../data/study.ts";
import { useValue } from "../data/value.ts";
import { LineChart } from "../draw/line-chart.tsx";
import { theme } from "../draw/palette.ts";

/** How near the method came to the exact hypergradient, where that was measured. */
export function Fidelity({ view }: { readonly view: StudyView }): JSX.Element {
  const { lines } = useValue(theme, (found) => found);
  const { fidelity } = view;
  if (fidelity.length === 0)
    return (
      <section>
        <h2>Fidelity</h2>
        <p class="note">
          Not measured. <code>drmad tune --fidelity 10</code> compares the method with the exact hypergradient at every
          tenth outer step.
        </p>
      </section>
    );
  const steps = view.steps.map(({ step }) => num(step));
  const measured = [...new Set(fidelity.map(({ step }) => num(step)))];
  const at = (part: "total" | "through"): (number | null)[] =>
    withGaps(
      steps,
      fidelity.map(({ step }) => num(step)),
      fidelity.map((f) => cosineOf(f, part)),
    );
  return (
    <section>
      <h2>Fidelity: against {visible(fidelity[0]!.exact)}</h2>
      {fidelity.length > 1 && (
        <LineChart
          title="Cosine to the exact hypergradient"
          x={steps}
          lines={[
            { name: "whole", y: at("total"), colour: lines[0]!, points: true },
            // The same where the validation loss does not see the hyperparameters but through training.
            ...(JSON.stringify(at("total")) === JSON.stringify(at("through"))
              ? []
              : [{ name: "part through training", y: at("through"), colour: lines[1]!, points: true }]),
          ]}
          xLabel="outer step"
          yLabel="cosine"
          whole
          range={[-1.05, 1.05]}
          format={short}
          summary={fidelity.at(-1)!.verdict}
          levels={[{ y: 0, name: "" }]}
          note={notes(
            "1: the direction is right; 0: it says nothing; −1: it is the opposite.",
            keptNote(measured.length, steps.length, "fidelity was measured"),
          )}
          height={220}
        />
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label="Fidelity">
        <table class="dense">
          <thead>
            <tr>
              <th scope="col" class="number">
                Step
              </th>
              <th scope="col" class="number">
                Cosine
              </th>
              <th scope="col" class="number">
                Length ratio
              </th>
              <th scope="col" class="number">
                Signs right
              </th>
              <th scope="col">Trust</th>
              <th scope="col">Verdict</th>
            </tr>
          </thead>
          <tbody>
            {fidelity.map((found, i) => (
              <tr key={i}>
                <th scope="row" class="number">
                  {found.step}
                </th>
                <td class="number">{found.outcome === "ok" ? figures(found.total.cosine) : "–"}</td>
                <td class="number">{found.outcome === "ok" ? figures(found.total.lengthRatio) : "–"}</td>
                <td class="number">
                  {found.outcome === "ok" && found.total.signAgreement !== undefined
                    ? percent(num(found.total.signAgreement), 1)
                    : "–"}
                </td>
                <td>{found.trust}</td>
                <td class="prose">{visible(found.verdict).replaceAll(/(?<= )-(?=\d)/g, "−")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

type Found = StudyView["fidelity"][number];

function cosineOf(found: Found, part: "total" | "through"): number | null {
  if (found.outcome !== "ok") return null;
  const cosine = num(found[part].cosine);
  return Number.isFinite(cosine) ? cosine : null;
}
