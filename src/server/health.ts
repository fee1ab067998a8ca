import type { Health } from "./api.ts";
import { inJson } from "./json.ts";
import { tensorsIn, yieldTurn, type Arrays, type Study } from "./reader.ts";

/** What the hypergradient of a step is like in one group, by name. */
type Groups = Readonly<Record<string, Group>>;
interface Group {
  readonly size: number;
  readonly norm: number;
  readonly zeros: number;
  readonly nonFinite: number;
  readonly cosine: number | null;
}

/**
 * Whether the hypergradients are sound: their norms, the shares of zeros and of what is not finite, and how far each points the
 * way of the one before, for each named hyperparameter. Reads the file of every kept step once.
 * @throws DrmadError file-not-found, malformed-file
 */
export async function health(study: Study): Promise<Health> {
  const steps = study.steps.filter(({ record, kept }) => kept && record.gradientNorm !== undefined);
  const all: Groups[] = [];
  for (const [i, { sequence, record }] of steps.entries()) {
    // That of an earlier step, where the one before is not kept, is another thing.
    const former = steps[i - 1]?.record.step === record.step - 1 ? steps[i - 1] : undefined;
    all.push(
      await study.digest(`health after ${former?.sequence}`, sequence, async () => {
        await yieldTurn();
        const before = former === undefined ? {} : gradients(await study.arrays(former.sequence));
        const now = gradients(await study.arrays(sequence));
        return Object.fromEntries(Object.entries(now).map(([name, of]) => [name, groupOf(of, before[name])]));
      }),
    );
  }
  const of = <K extends keyof Group>(name: string, what: K): readonly (Group[K] | null)[] =>
    all.map((groups) => groups[name]?.[what] ?? null);
  return {
    groups: [...new Set(all.flatMap((groups) => Object.keys(groups)))].map((name) => ({
      name,
      size: all.find((groups) => groups[name] !== undefined)![name]!.size,
      norm: inJson(of(name, "norm").map((norm) => norm ?? NaN)),
      zeros: of(name, "zeros").map((share) => share ?? 0),
      nonFinite: of(name, "nonFinite").map((share) => share ?? 0),
      cosine: inJson(of(name, "cosine")),
    })),
    steps: steps.map(({ record }) => record.step),
    growth: inJson(steps.map(({ record }) => record.growth ?? null)),
    chaotic: steps.map(({ record }) => record.chaotic ?? false),
  };
}

type Values = readonly ArrayLike<number>[];

/** The tensors of each named hyperparameter together: a dot joins its name and the path of weights. */
function gradients(arrays: Arrays): Readonly<Record<string, Values>> {
  const groups: Record<string, ArrayLike<number>[]> = Object.create(null) as Record<string, ArrayLike<number>[]>;
  for (const [name, { data }] of tensorsIn(arrays, "hypergradient")) (groups[name.split(".")[0]!] ??= []).push(data);
  return groups;
}

function groupOf(values: Values, before: Values | undefined): Group {
  let [size, zeros, nonFinite] = [0, 0, 0];
  each(values, (value) => {
    size++;
    if (value === 0) zeros++;
    else if (!Number.isFinite(value)) nonFinite++;
  });
  const [norm, unit] = lengthOf(values);
  const share = (count: number): number => (size === 0 ? 0 : count / size);
  return { size, norm, zeros: share(zeros), nonFinite: share(nonFinite), cosine: cosineOf(values, unit, before) };
}

/** The Euclidean norm, and a scale in which squares neither overflow nor vanish: the largest size. */
function lengthOf(values: Values): readonly [norm: number, unit: number] {
  let [unit, sum] = [0, 0];
  each(values, (value) => (unit = Math.max(unit, Math.abs(value))));
  if (unit === 0 || !Number.isFinite(unit)) return [unit, unit];
  each(values, (value) => (sum += (value / unit) ** 2));
  return [unit * Math.sqrt(sum), unit];
}

function cosineOf(values: Values, unit: number, before: Values | undefined): number | null {
  if (before === undefined || unit === 0) return null;
  const [, other] = lengthOf(before);
  if (other === 0) return null;
  let [dot, a, b] = [0, 0, 0];
  for (const [k, part] of values.entries()) {
    for (let i = 0; i < part.length; i++) {
      const [x, y] = [part[i]! / unit, (before[k]?.[i] ?? NaN) / other];
      dot += x * y;
      a += x * x;
      b += y * y;
    }
  }
  return Math.max(-1, Math.min(1, dot / Math.sqrt(a * b)));
}

function each(values: Values, see: (value: number) => void): void {
  for (const part of values) for (let i = 0; i < part.length; i++) see(part[i]!);
}
