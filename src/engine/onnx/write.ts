/**
 * ONNX models as bytes: the ten protobuf messages a model of ours needs. Field numbers are those of onnx.proto3, which
 * the format freezes.
 */

const VARINT = 0;
const BYTES = 2;

class Message {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  #append(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  #varint(value: number | bigint): this {
    let rest = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    return this.#append(Uint8Array.from(bytes));
  }

  int(field: number, value: number | bigint): this {
    return this.#varint((field << 3) | VARINT).#varint(value);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#varint((field << 3) | BYTES)
      .#varint(value.length)
      .#append(value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  each<T>(items: readonly T[], write: (message: this, item: T) => void): this {
    for (const item of items) write(this, item);
    return this;
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}

/** Element types by their ONNX numbers. */
export const ELEMENT = { float32: 1, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 } as const;
export type Element = keyof typeof ELEMENT;

/** A size that is a string is free at run time. */
export interface OnnxValue {
  readonly name: string;
  readonly element: Element;
  readonly shape: readonly (number | string)[];
}

export interface OnnxTensor {
  readonly name: string;
  readonly element: Element;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export type OnnxAttribute = number | readonly number[] | OnnxGraph | { readonly text: string };

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

function valueMessage(value: OnnxValue): Message {
  const shape = new Message().each(value.shape, (m, size) =>
    m.message(1, typeof size === "number" ? new Message().int(1, size) : new Message().text(2, size)),
  );
  const tensor = new Message().int(1, ELEMENT[value.element]).message(2, shape);
  return new Message().text(1, value.name).message(2, new Message().message(1, tensor));
}

const tensorMessage = (tensor: OnnxTensor): Message =>
  new Message()
    .each(tensor.shape, (m, size) => m.int(1, size))
    .int(2, ELEMENT[tensor.element])
    .text(8, tensor.name)
    .bytes(9, tensor.bytes);

const KIND = { int: 2, text: 3, graph: 5, ints: 7 } as const;

function attributeMessage(name: string, value: OnnxAttribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === "number") return message.int(3, value).int(20, KIND.int);
  if ("text" in value) return message.text(4, value.text).int(20, KIND.text);
  if ("nodes" in value) return message.message(6, graphMessage(value)).int(20, KIND.graph);
  return message.each(value, (m, v) => m.int(8, v)).int(20, KIND.ints);
}

const nodeMessage = (node: OnnxNode, name: string): Message =>
  new Message()
    .each(node.inputs, (m, input) => m.text(1, input))
    .each(node.outputs, (m, output) => m.text(2, output))
    .text(3, name)
    .text(4, node.op)
    .each(Object.entries(node.attributes), (m, [key, value]) => m.message(5, attributeMessage(key, value)));

function graphMessage(graph: OnnxGraph): Message {
  return new Message()
    .each(graph.nodes, (m, node) => m.message(1, nodeMessage(node, `${node.op}:${node.outputs[0] ?? ""}`)))
    .text(2, graph.name)
    .each(graph.constants, (m, tensor) => m.message(5, tensorMessage(tensor)))
    .each(graph.inputs, (m, value) => m.message(11, valueMessage(value)))
    .each(graph.outputs, (m, value) => m.message(12, valueMessage(value)));
}

/** A model of the default operator set, version 18. */
export const writeModel = (graph: OnnxGraph): Uint8Array =>
  new Message()
    .int(1, 9)
    .text(2, "drmad")
    .message(7, graphMessage(graph))
    .message(8, new Message().text(1, "").int(2, 18))
    .finish();
