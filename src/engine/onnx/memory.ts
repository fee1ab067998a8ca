import { Tensor } from "onnxruntime-node";
import type { DType } from "../../tensor/tensor.ts";
import { sizeOf, type Shape } from "../../tensor/shape.ts";
import type { Buffer, Precision } from "../engine.ts";

/** Smaller arrays are as quickly made anew. */
const WORTH_KEEPING = 65_536;

type Real = Float32Array | Float64Array;

/**
 * An engine's tensors by number. Arrays of freed results are used again for results of the same size: fresh memory costs
 * a page fault for every four kilobytes. What is kept for that, and what is in use, together never exceed what was once
 * in use at the same time.
 */
export interface Memory {
  /** @param own whether the array is ours to write over once the tensor is freed */
  hold(tensor: Tensor, own: boolean): Buffer;
  get(buffer: Buffer): Tensor | undefined;
  free(buffer: Buffer): void;
  /** A tensor to receive a result, on a freed array, where there is one of that size. */
  reuse(shape: Shape, precision: Precision): Tensor | undefined;
  clear(): void;
}

export function createMemory(): Memory {
  const held = new Map<number, { readonly tensor: Tensor; readonly own: boolean }>();
  const spare: Real[] = [];
  let nextId = 0;
  let inUse = 0;
  let spareBytes = 0;
  let most = 0;

  const bytesOf = (tensor: Tensor): number => (tensor.data as Real).byteLength;
  const evict = (): void => {
    while (spare.length > 0 && inUse + spareBytes > most) spareBytes -= spare.shift()!.byteLength;
  };

  return {
    hold(tensor, own) {
      const id = nextId++;
      held.set(id, { tensor, own });
      inUse += bytesOf(tensor);
      most = Math.max(most, inUse);
      evict();
      return { id, shape: tensor.dims, dtype: dtypeOf(tensor) };
    },
    get: (buffer) => held.get(buffer.id)?.tensor,
    free(buffer) {
      const entry = held.get(buffer.id);
      if (entry === undefined) return;
      held.delete(buffer.id);
      inUse -= bytesOf(entry.tensor);
      const { data } = entry.tensor;
      const real = data instanceof Float32Array || data instanceof Float64Array;
      if (entry.own && real && data.byteLength >= WORTH_KEEPING) {
        spare.push(data);
        spareBytes += data.byteLength;
      }
    },
    reuse(shape, precision) {
      const length = sizeOf(shape);
      const Kind = precision === "float64" ? Float64Array : Float32Array;
      const at = spare.findIndex((data) => data.length === length && data instanceof Kind);
      if (at < 0) return undefined;
      const [data] = spare.splice(at, 1) as [Real];
      spareBytes -= data.byteLength;
      return new Tensor(precision, data as Float32Array, shape);
    },
    clear() {
      held.clear();
      spare.length = 0;
      inUse = 0;
      spareBytes = 0;
    },
  };
}

const dtypeOf = (tensor: Tensor): DType =>
  tensor.type === "float32" || tensor.type === "float64" ? "float" : tensor.type === "bool" ? "bool" : "int";
