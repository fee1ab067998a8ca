import type { JSX } from "preact";
import type { Health } from "../../src/server/api.ts";
import { useAnswer } from "../data/answer.ts";
import { count, drawable, figures, num, percent, short, visible } from "../data/numbers.ts";
import { at } from "../data/server.ts";
import { keptNote, nonFiniteNote, notes, type Step, withGaps } from "../data/study.ts";
import { useValue } from "../data/value.ts";
import { LineChart } from "../draw/line-chart.tsx";
import { lineStyle, theme } from "../draw/palette.ts";
import { Fidelity } from "../parts/fidelity.tsx";
import { Loading, Nothing, Trouble } from "../parts/state.tsx";
import type { PageProps } from "../parts/not-begun.tsx";

type Group = Health["groups"][number];

/** More lines are not told apart. */
const MOST_LINES = 14;
/** Where an adjoint has grown a thousandfold, the hypergradient is taken for chaotic. */
const GROWTH_LIMIT = 1000;

/** Whether the hypergradient can be trusted. */
export function Gradients({ study, version, view }: PageProps): JSX.Element {
  const { data, fault } = useAnswer<Health>(at("health", { study }), version);
  if (data === null) return fault === null ? <Loading what="the hypergradients" /> : <Trouble fault={fault} />;
  const found = view.steps.filter(({ gradientNorm }) => gradientNorm !== undefined);
  if (found.length === 0)
    return (
      <Nothing title="There is no hypergradient yet.">
        The first one comes with the first update of the hyperparameters.
      </Nothing>
    );
  const latest = data.steps.length - 1;
  const size = ({ norm }: Group): number => drawable(norm[latest]) ?? -1;
  const groups = [...data.groups].sort((a, b) => size(b) - size(a)).slice(0, MOST_LINES);
  const shown = data.groups.filter((group) => groups.includes(group));
  return (
    <>
      {fault !== null && <Trouble fault={fault} soft />}
      <Chaos found={found} />
      <div class="charts two">
        <GroupCharts health={data} groups={shown} left={data.groups.length - shown.length} found={found} />
        <GrowthChart found={found} />
      </div>
      {data.steps.length > 0 && <GroupTable health={data} />}
      <Fidelity view={view} />
    </>
  );
}

/** Outer steps that have a hypergradient, with what is told of it whether its arrays are kept or not. */
interface WithGradient {
  readonly found: readonly Step[];
}

function Chaos({ found: steps }: WithGradient): JSX.Element | null {
  const found = steps.filter(({ chaotic }) => chaotic);
  if (found.length === 0) return null;
  return (
    <Trouble
      soft
      fault={{
        code: "chaotic",
        message: `The hypergradient was chaotic at ${found.length} of ${steps.length} outer steps, first at ${found[0]!.step}.`,
        hint: "The adjoint grew more than a thousandfold on its way back: the derivative is right for a tiny step only. Shorter training, a smaller rate or more momentum decay help; `drmad tune --on-chaos stop` ends the run there.",
      }}
    />
  );
}

const percents = (shares: readonly number[]): number[] => shares.map((v) => 100 * v);

function GroupCharts({
  health,
  groups,
  left,
  found,
}: WithGradient & {
  readonly health: Health;
  readonly groups: readonly Group[];
  readonly left: number;
}): JSX.Element {
  const colours = useValue(theme, (found) => found);
  const x = found.map(({ step }) => num(step));
  const kept = keptNote(health.steps.length, x.length, "hypergradients are kept");
  const many = left > 0 ? `The ${MOST_LINES} groups of the largest latest norm; all are in the table.` : undefined;
  const lines = (of: (group: Group) => readonly (number | null)[]) =>
    groups.map((group, i) => ({
      name: group.name,
      y: withGaps(x, health.steps, of(group)),
      ...lineStyle(colours, i),
      dots: x.length < 3,
    }));
  const total = {
    name: "all",
    y: found.map(({ gradientNorm }) => drawable(gradientNorm)),
    colour: colours.muted,
    dash: [6, 4],
  };
  const common = { x, xLabel: "outer step", whole: true, height: 220 } as const;
  const lost = health.steps.filter((_, i) => groups.some(({ norm }) => drawable(norm[i]) === null));
  const turns = groups.every(({ cosine }) => cosine.every((v) => drawable(v) === null));
  const spoilt = groups.some(({ nonFinite }) => nonFinite.some((n) => n > 0));
  const last = groups.map(({ name, norm }) => `${name} ${short(norm.at(-1))}`).join(", ");
  return (
    <>
      <LineChart
        {...common}
        title="Norm of the hypergradient"
        lines={[
          ...(groups.length > 1 || kept !== undefined ? [total] : []),
          ...lines(({ norm }) => norm.map(drawable)),
        ]}
        yLabel="Euclidean norm"
        log
        format={short}
        summary={`Latest: ${last}.`}
        note={notes(
          "How steeply the validation loss changes with each group, in unconstrained units.",
          many,
          kept,
          nonFiniteNote("a norm was", lost),
        )}
      />
      <LineChart
        {...common}
        title="Cosine to the hypergradient before"
        lines={lines(({ cosine }) => cosine.map(drawable))}
        yLabel="cosine"
        range={[-1.05, 1.05]}
        levels={[{ y: 0, name: "" }]}
        format={short}
        summary="1 where the direction stays, −1 where it turns back and forth."
        note={notes(
          "Near 1: steps could be longer. Turning between −1 and 1: they are too long, or noise.",
          kept === undefined ? undefined : `${kept} Only two in a row can be compared.`,
        )}
        empty={turns ? "No two hypergradients in a row are known." : undefined}
      />
      <LineChart
        {...common}
        title="Coordinates that are zero"
        lines={lines(({ zeros }) => percents(zeros))}
        yLabel="% of the group"
        range={[-3, 103]}
        format={(v) => `${short(v)} %`}
        summary="The share of each group whose derivative is exactly zero."
        note={notes("A coordinate that stays zero is not tuned: nothing in training depends on it.", kept)}
      />
      {spoilt && (
        <LineChart
          {...common}
          title="Coordinates that are not finite"
          lines={lines(({ nonFinite }) => percents(nonFinite))}
          yLabel="% of the group"
          range={[-3, 103]}
          format={(v) => `${short(v)} %`}
          summary="The share of each group whose derivative is NaN or infinite."
        />
      )}
    </>
  );
}

function GrowthChart({ found }: WithGradient): JSX.Element {
  const { lines } = useValue(theme, (found) => found);
  const y = found.map(({ growth }) => drawable(growth));
  const most = Math.max(0, ...y.map((v) => v ?? 0));
  return (
    <LineChart
      title="Growth of the adjoint"
      x={found.map(({ step }) => num(step))}
      lines={[{ name: "growth", y, colour: lines[0]!, width: 2, dots: found.length < 3 }]}
      xLabel="outer step"
      yLabel="growth (×)"
      whole
      log
      levels={[{ y: GROWTH_LIMIT, name: "1000: chaotic above" }]}
      format={short}
      height={220}
      summary={`At most ${short(most)}; above 1000 the hypergradient is taken for chaotic.`}
      note={
        y.every((v) => v === null)
          ? "This method sweeps no adjoint back, so that there is no growth to measure."
          : "The adjoint is the derivative of the validation loss by the weights, carried back through training: its largest norm on that way, as a multiple of that at the end."
      }
    />
  );
}

/** All groups at the latest outer step. */
function GroupTable({ health: { groups, steps } }: { readonly health: Health }): JSX.Element {
  const last = steps.length - 1;
  const total = Math.sqrt(groups.reduce((sum, { norm }) => sum + (drawable(norm[last]) ?? 0) ** 2, 0));
  return (
    <section>
      <h2>Groups at outer step {steps[last]}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Groups">
        <table class="dense">
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col" class="number">
                Values
              </th>
              <th scope="col" class="number">
                Norm
              </th>
              <th scope="col" class="number">
                Share of the squared norm
              </th>
              <th scope="col" class="number">
                Cosine to before
              </th>
              <th scope="col" class="number">
                Zero
              </th>
              <th scope="col" class="number">
                Not finite
              </th>
            </tr>
          </thead>
          <tbody>
            {groups.map(({ name, size, norm, cosine, zeros, nonFinite }) => (
              <tr key={name}>
                <th scope="row">{visible(name)}</th>
                <td class="number">{count(size)}</td>
                <td class="number">{figures(norm[last])}</td>
                <td class="number">{percent((num(norm[last]) / total) ** 2, 1)}</td>
                <td class="number">{cosine[last] === null ? "–" : figures(cosine[last])}</td>
                <td class="number">{percent(zeros[last]!, 1)}</td>
                <td class={`number${nonFinite[last]! > 0 ? " bad" : ""}`}>{percent(nonFinite[last]!, 1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
