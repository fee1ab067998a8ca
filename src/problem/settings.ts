import { inDomain, INTERVALS, settingsAt, type Domain, type Dynamics } from "../dynamics/dynamics.ts";
import { sizeOf, type Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { HyperTensor } from "./hyper.ts";

/** A hyperparameter whose natural values are a setting of the dynamics as they are. */
export interface SettingUse {
  readonly tensor: HyperTensor;
  /** For example "momentum's rate". */
  readonly setting: string;
  readonly domain: Domain;
  /** Which numbers of the tensor are that setting, counted within a step where it has a value for each. */
  readonly entries: ReadonlySet<number>;
}

/** A number of a hyperparameter that its setting cannot be. */
export interface OutsideDomain extends Omit<SettingUse, "entries"> {
  readonly value: number;
  /** The transform that would keep it inside. */
  readonly transform: "log" | "logit";
}

/** Views that have every number of a tensor, and no other. */
const VIEWS: readonly string[] = ["reshape", "transpose", "broadcast", "alias", "detach"];

const range = (from: number, count: number): readonly number[] => Array.from({ length: count }, (_, i) => from + i);

/** The input that a setting is, and which of its numbers; undefined for anything that is computed. */
function originOf(value: Tensor): { readonly name: string; readonly entries: ReadonlySet<number> } | undefined {
  let at = value;
  while (VIEWS.includes(at.op)) at = at.inputs[0]!;
  if (at.op === "input") return { name: at.attributes.name, entries: new Set(range(0, sizeOf(at.shape))) };
  const source = at.inputs[0];
  if (source?.op !== "input") return undefined;
  const each = sizeOf(source.shape.slice(1));
  const rows = at.op === "gather" ? rowsOf(at.inputs[1]!) : at.op === "slice" ? sliced(source.shape, at) : undefined;
  return rows && { name: source.attributes.name, entries: new Set(rows.flatMap((row) => range(row * each, each))) };
}

/** Row numbers that are known as the dynamics are made. */
function rowsOf(index: Tensor): readonly number[] | undefined {
  if (index.op === "constant") return [index.attributes.value];
  return index.op === "literal" ? Array.from(index.attributes.data) : undefined;
}

/** Rows of a slice that has them whole. */
function sliced(from: Shape, { op, attributes, shape }: Tensor): readonly number[] | undefined {
  if (op !== "slice" || shape.slice(1).some((d, i) => d !== from[i + 1])) return undefined;
  return range((attributes as { readonly starts: readonly number[] }).starts[0]!, shape[0]!);
}

/**
 * Where a setting of the dynamics with a domain is a hyperparameter as it is, and nothing computed of it.
 * @param dynamics made with an input for each tensor, by its name and of its shape at one step
 */
export function settingUses(
  dynamics: Dynamics,
  weights: readonly { readonly path: string; readonly shape: Shape }[],
  tensors: readonly HyperTensor[],
): readonly SettingUse[] {
  const uses = new Map<string, SettingUse>();
  for (const { path, shape } of weights) {
    const settings = settingsAt(dynamics, path, shape);
    for (const [name, domain] of Object.entries(dynamics.domains ?? {})) {
      const origin = originOf(settings[name]!);
      const tensor = tensors.find((each) => each.name === origin?.name);
      if (origin === undefined || tensor === undefined) continue;
      const key = `${tensor.name} ${name}`;
      const entries = new Set([...(uses.get(key)?.entries ?? []), ...origin.entries]);
      uses.set(key, { tensor, setting: `${dynamics.name}'s ${name}`, domain, entries });
    }
  }
  return [...uses.values()];
}

/** The first number outside its domain of every use that has one, at given unconstrained coordinates. */
export function outsideDomain(
  uses: readonly SettingUse[],
  coordinates: (name: string) => Float64Array,
): readonly OutsideDomain[] {
  return uses.flatMap(({ tensor, setting, domain, entries }) => {
    const [low, high] = INTERVALS[domain];
    // Its transform keeps it inside, but for rounding at the very ends.
    if (tensor.transform.interval[0] >= low && tensor.transform.interval[1] <= high) return [];
    const each = sizeOf(tensor.perStep ? tensor.shape.slice(1) : tensor.shape);
    const value = Array.from(coordinates(tensor.name), tensor.transform.value).find(
      (natural, i) => entries.has(i % each) && !inDomain(domain, natural),
    );
    return value === undefined ? [] : [{ tensor, setting, domain, value, transform: high === 1 ? "logit" : "log" }];
  });
}
