import type { TensorInfo } from "../../../src/server/api.ts";

/** What the parts of this page draw. */
export interface TensorProps {
  readonly study: string;
  readonly version: string;
  readonly tensor: TensorInfo;
  /** The outer step that is looked at. */
  readonly step: number;
  readonly of: "value" | "hypergradient";
  readonly best: number | null;
  /** All outer steps of the study, with those whose arrays are not kept. */
  readonly steps: readonly number[];
}

export const sizeOf = ({ shape }: TensorInfo): number => shape.reduce((a, b) => a * b, 1);
/** The name that the experiment gives, without the parameter that a tensor belongs to. */
export const groupOf = ({ name }: TensorInfo): string => name.split(".")[0]!;

export const shapeText = ({ shape, perStep }: TensorInfo): string =>
  shape.length === 0 ? "scalar" : `${shape.join(" × ")}${perStep ? " by step" : ""}`;
