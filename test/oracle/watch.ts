import type { Buffer, Engine, Program, Range } from "../../src/engine/engine.ts";

/** An engine that counts the tensors it holds and notes what ran. */
export interface Watched extends Engine {
  /** Tensors handed out and not freed yet. */
  held(): number;
  /** Bytes of what is held. */
  heldBytes(): number;
  /** The most bytes that were held at once since `forget`. */
  peakBytes(): number;
  forget(): void;
  /** Ranges of the loops that ran, by the name of their program. */
  readonly runs: { readonly program: string; readonly range: Range | undefined }[];
}

export function watch(engine: Engine): Watched {
  const held = new Map<number, number>();
  const realBytes = engine.description.precision === "float64" ? 8 : 4;
  const bytesOf = ({ dtype, shape }: Pick<Buffer, "dtype" | "shape">): number =>
    shape.reduce((n, size) => n * size, 1) * (dtype === "float" ? realBytes : dtype === "int8" ? 1 : dtype === "float16" ? 2 : 4); // prettier-ignore
  const keptBytes = ({ graph, loop }: Program): number =>
    loop!.scan.reduce((n, name) => n + bytesOf(graph.nodes[graph.outputs[name]!]!), 0);
  let bytes = 0;
  let peak = 0;
  const runs: Watched["runs"] = [];
  const hold = <B extends Buffer>(buffer: B): B => {
    if (!held.has(buffer.id)) bytes += bytesOf(buffer);
    held.set(buffer.id, bytesOf(buffer));
    peak = Math.max(peak, bytes);
    return buffer;
  };
  return {
    ...engine,
    held: () => held.size,
    heldBytes: () => bytes,
    peakBytes: () => peak,
    forget: () => void (peak = bytes),
    runs,
    async compile(program) {
      const executable = await engine.compile(program);
      const by = program.loop?.fed?.by;
      return {
        async run(inputs, range) {
          if (by !== undefined) runs.push({ program: by.name, range });
          runs.push({ program: program.name, range });
          // What feeds a loop is never handed out, but it is there while the loop runs.
          const within = (range === undefined ? 0 : range.to - range.from) * (by === undefined ? 0 : keptBytes(by));
          peak = Math.max(peak, bytes + within);
          const results = await executable.run(inputs, range);
          Object.values(results).forEach(hold);
          return results;
        },
      };
    },
    async compileReversible(program) {
      const reversible = await engine.compileReversible(program);
      return {
        async begin(weights) {
          const run = await reversible.begin(weights);
          let restored: Buffer[] = [];
          const forget = (): void => {
            for (const { id } of restored) held.delete(id);
            restored = [];
          };
          return {
            ...run,
            async back(inputs, range, keep) {
              const results = await run.back(inputs, range, keep);
              forget();
              restored = Object.values(results).map(hold);
              return results;
            },
            async state() {
              const results = await run.state();
              Object.values(results).forEach(hold);
              return results;
            },
            end() {
              forget();
              return run.end();
            },
          };
        },
      };
    },
    load: async (array) => hold(await engine.load(array)),
    free(buffers) {
      const list = [...buffers];
      for (const { id } of list) {
        bytes -= held.get(id) ?? 0;
        held.delete(id);
      }
      engine.free(list);
    },
  };
}
