import { DrmadError } from "../../errors.ts";
import { sizeOf, type Shape } from "../../tensor/shape.ts";
import type {
  Buffer,
  HeldArray,
  Precision,
  Program,
  Range,
  Reversible,
  ReversibleProgram,
  ReversibleRun,
} from "../engine.ts";
import { createFixedPoint, type FixedPointTensor, type Reals } from "./fixed-point.ts";
import { LARGEST, VELOCITY_RADIX, WEIGHT_RADIX } from "./kernel.ts";

type Feeds = Readonly<Record<string, Buffer>>;

/** A program to be run for one step after another. */
export interface StepProgram {
  /**
   * Fixes its inputs. Those in `live` are read anew at every call, from the arrays as they are then.
   * @returns runs it; gives the named outputs, in that order
   */
  bind(inputs: Feeds, live: Readonly<Record<string, HeldArray>>): Promise<(outputs: readonly string[]) => Promise<readonly HeldArray[]>>; // prettier-ignore
}

/** What of an engine the stepper needs. */
export interface StepHost {
  readonly precision: Precision;
  /** @param live names of the inputs that change from step to step */
  prepare(program: Program, live: ReadonlySet<string>): Promise<StepProgram>;
  hold(array: HeldArray): Buffer;
  /** Outputs of a step program that were read. */
  discard(arrays: readonly HeldArray[]): void;
  release(buffers: Iterable<Buffer>): void;
  read(buffer: Buffer): HeldArray;
}

const scalar = (): { readonly data: Int32Array; readonly shape: Shape } => ({ data: new Int32Array(1), shape: [] });

const reads = ({ graph }: Program, name: string): boolean =>
  graph.nodes.some((n) => n.op === "input" && n.attributes.name === name);

const isOwn = ({ graph }: Program, output: string): boolean => sizeOf(graph.nodes[graph.outputs[output]!]!.shape) > 1;

function checkDecays(name: string, decay: HeldArray["data"], t: number): void {
  const wrong = decay.find((value) => !(value > 0 && value < 1));
  if (wrong === undefined) return;
  throw new DrmadError(
    "unsupported",
    `the decay of weights ${name} is ${wrong} at step ${t}, and training can be taken back only where it lies between 0 and 1`,
    { hint: "Keep the decay inside with a logit transform, or use method checkpointed, which takes any." },
  );
}

function checkRates(name: string, rate: HeldArray["data"], t: number): void {
  const wrong = rate.find((value) => !Number.isFinite(value));
  if (wrong === undefined) return;
  throw new DrmadError("non-finite", `the rate of weights ${name} is ${wrong} at step ${t}`, {
    hint: "Look at what it is computed of: a transform keeps a rate where it makes sense.",
  });
}

function outOfRange(name: string, values: readonly HeldArray["data"][], when: string): DrmadError {
  const broken = values.some((data) => data.some((value) => !Number.isFinite(value)));
  return broken
    ? new DrmadError("non-finite", `training diverged: the gradient of weights ${name} is not finite ${when}`, {
        hint: "Start from a smaller learning rate or a smaller initial scale.",
      })
    : new DrmadError(
        "non-finite",
        `weights ${name} leave ±${LARGEST / WEIGHT_RADIX}, or their velocity ±${LARGEST / VELOCITY_RADIX}, the range of fixed point, ${when}`,
        {
          hint: "Scale the loss down, take a smaller learning rate, or use method checkpointed, which has no such range.",
        },
      );
}

/**
 * Runs momentum in fixed point, step by step in the engine's own thread: a step's gradient and settings come from compiled
 * programs, what they do to the integers from the kernel. Going back, the same programs run on the same inputs, so they give
 * the same bits.
 */
export async function createReversible(program: ReversibleProgram, host: StepHost): Promise<Reversible> {
  const names = program.weights.map(({ name }) => name);
  const gradientStep = await host.prepare(
    program.gradient,
    new Set(["t", "k", ...names.map((name) => `weights/${name}`)]),
  );
  const settingsStep = await host.prepare(program.settings, new Set(["t"]));
  const settingsVary = reads(program.settings, "t");
  const settingNames = names.flatMap((name) => [`rate/${name}`, `decay/${name}`, `given/${name}`]);
  const gradientNames = names.map((name) => `gradient/${name}`);
  const shapes = program.weights.map(({ name, shape }) => ({
    size: sizeOf(shape),
    ownRates: isOwn(program.settings, `rate/${name}`),
    ownDecays: isOwn(program.settings, `decay/${name}`),
  }));
  const emptyReals = (size: number): Reals =>
    host.precision === "float64" ? new Float64Array(size) : new Float32Array(size);
  /** Which weights' a kept name of this kind is; −1 for none. */
  const indexOf = (kept: string, kind: "weights" | "velocity"): number =>
    kept.startsWith(`${kind}/`) ? names.indexOf(kept.slice(kind.length + 1)) : -1;
  const shapeOf = (kept: string): Shape => {
    const weight = program.weights[Math.max(indexOf(kept, "weights"), indexOf(kept, "velocity"))];
    const { nodes, outputs } = program.gradient.graph;
    return weight?.shape ?? nodes[outputs[`kept/${kept}`]!]!.shape;
  };
  /** Memory of runs that ended. */
  const idle: (readonly FixedPointTensor[])[] = [];

  /** The two programs with the inputs of some steps, ready for any of these. */
  async function bind(tensors: readonly FixedPointTensor[], inputs: Feeds, { from }: Range) {
    const [t, k] = [scalar(), scalar()];
    const weights = program.weights.map(({ name, shape }, i) => [
      `weights/${name}`,
      { data: tensors[i]!.weights, shape },
    ]);
    const gradient = await gradientStep.bind(inputs, { ...Object.fromEntries(weights), t, k });
    const settings = await settingsStep.bind(inputs, { t });
    let current = false;
    return {
      async settingsAt(step: number): Promise<void> {
        t.data[0] = step;
        k.data[0] = step - from;
        if (current && !settingsVary) return;
        current = true;
        const values = await settings(settingNames);
        tensors.forEach((tensor, i) => {
          const [rate, decay, given] = values.slice(3 * i, 3 * i + 3) as [HeldArray, HeldArray, HeldArray];
          checkDecays(names[i]!, given.data, step);
          checkRates(names[i]!, rate.data, step);
          tensor.use(rate.data, decay.data);
        });
      },
      /** Puts the gradients where the kernel reads them, and gives further outputs. */
      async gradient(more: readonly string[]): Promise<readonly HeldArray[]> {
        const values = await gradient([...gradientNames, ...more]);
        tensors.forEach((tensor, i) => tensor.gradient.set(values[i]!.data));
        host.discard(values.slice(0, tensors.length));
        return values.slice(tensors.length);
      },
    };
  }

  function createRun(tensors: readonly FixedPointTensor[]): ReversibleRun {
    let ended = false;
    /** Used again by every call, so that the memory stays the same. */
    let memory: { readonly names: string; readonly steps: number; readonly tables: readonly Reals[] } | undefined;
    let restored: Record<string, Buffer> = {};
    const tablesFor = (keep: readonly string[], steps: number): readonly Reals[] => {
      if (memory === undefined || memory.steps < steps || memory.names !== keep.join()) {
        memory = { names: keep.join(), steps, tables: keep.map((name) => emptyReals(steps * sizeOf(shapeOf(name)))) };
      }
      return memory.tables.map((table, i) => table.subarray(0, steps * sizeOf(shapeOf(keep[i]!))));
    };
    return {
      async forward(inputs, range) {
        const step = await bind(tensors, inputs, range);
        for (let t = range.from; t < range.to; t++) {
          await step.settingsAt(t);
          await step.gradient([]);
          tensors.forEach((tensor, i) => {
            if (!tensor.forward()) throw outOfRange(names[i]!, [tensor.gradient], `after step ${t + 1}`);
          });
        }
      },
      async back(inputs, range, keep) {
        const step = await bind(tensors, inputs, range);
        const steps = range.to - range.from;
        const tables = tablesFor(keep, steps);
        const products = keep.filter((name) => indexOf(name, "weights") < 0 && indexOf(name, "velocity") < 0);
        const outputs = products.map((name) => `kept/${name}`);
        for (let t = range.to - 1; t >= range.from; t--) {
          await step.settingsAt(t);
          for (const tensor of tensors) tensor.undoMove();
          const values = await step.gradient(outputs);
          for (const tensor of tensors) tensor.undoTurn();
          keep.forEach((name, i) => {
            const size = tables[i]!.length / steps;
            const row = tables[i]!.subarray((t - range.from) * size, (t - range.from + 1) * size);
            const [weight, velocity] = [indexOf(name, "weights"), indexOf(name, "velocity")];
            if (weight >= 0) row.set(tensors[weight]!.weights);
            else if (velocity >= 0) tensors[velocity]!.velocityInto(row);
            else row.set(values[products.indexOf(name)]!.data);
          });
          host.discard(values);
        }
        if (range.from === 0 && !tensors.every((tensor) => tensor.atStart())) {
          throw new DrmadError(
            "engine-disagrees",
            "going back, the engine gave other gradients than on the way there",
            {
              hint: "It is not deterministic here: use one thread, or method checkpointed.",
            },
          );
        }
        host.release(Object.values(restored));
        restored = Object.fromEntries(
          keep.map((name, i) => [name, host.hold({ data: tables[i]!, shape: [steps, ...shapeOf(name)] })]),
        );
        return restored;
      },
      state() {
        const held = program.weights.flatMap(({ name, shape }, i) => {
          const velocity = emptyReals(sizeOf(shape));
          tensors[i]!.velocityInto(velocity);
          return [
            [`weights/${name}`, host.hold({ data: tensors[i]!.weights.slice(), shape })] as const,
            [`velocity/${name}`, host.hold({ data: velocity, shape })] as const,
          ];
        });
        return Promise.resolve(Object.fromEntries(held));
      },
      information() {
        const each = tensors.map((tensor) => tensor.information());
        return Promise.resolve({
          bits: each.reduce((sum, { bits }) => sum + bits, 0),
          bytes: each.reduce((sum, { bytes }) => sum + bytes, 0),
        });
      },
      end() {
        if (ended) return;
        ended = true;
        host.release(Object.values(restored));
        for (const tensor of tensors) tensor.forget();
        idle.push(tensors);
      },
    };
  }

  return {
    begin(weights) {
      const tensors = idle.pop() ?? createFixedPoint(shapes, host.precision);
      const given = names.map((name) => host.read(weights[`weights/${name}`]!).data);
      tensors.forEach((tensor, i) => {
        if (!tensor.begin(given[i]!)) throw outOfRange(names[i]!, [given[i]!], "before training");
      });
      return Promise.resolve(createRun(tensors));
    },
  };
}
