import type { HeatMap } from "../picture/heat-map.ts";
import type { LineChart } from "../picture/line-chart.ts";
import type { DataSet } from "./data-folder.ts";

/** Data sets that a reproduction reads from a folder of its user. */
export type ReproductionData = DataSet;

/** One figure, table or claim of a paper, done again. */
export interface Reproduction {
  readonly title: string;
  /** Authors, year, and the figure, table or section. */
  readonly source: string;
  /** What the paper says, in a sentence. */
  readonly claim: string;
  readonly data: readonly ReproductionData[];
  /** How long the recorded full run took, on two cores that others used as well; a guess until there is one. */
  readonly minutes: number;
  /** What is run in full, and what a small run leaves out: sizes, steps, seeds. */
  readonly config: { readonly full: object; readonly small: object };
  run(context: ReproductionContext): Promise<Findings>;
}

export interface ReproductionContext {
  /** A small run shows that everything works, and checks what must hold even then; its figures are not the paper's. */
  readonly small: boolean;
  readonly signal: AbortSignal;
  /** @throws DrmadError file-not-found where the user has not said */
  folder(data: ReproductionData): string;
  /**
   * The value of one part of the work, by a name that is unlike all others of this reproduction: from an interrupted run into
   * the same folder where it is known, else computed now and kept. It must survive JSON.
   */
  part<T>(name: string, compute: () => Promise<T>): Promise<T>;
}

/** One line of a table. */
export interface Row {
  readonly name: string;
  /** Ours, one for each seed, or what else the table repeats; none where it was not run. */
  readonly values: readonly number[];
  /** What the paper gives, as it gives it. */
  readonly paper?: string;
  /** Something to compare with that needs no gradient through training, or tunes one or a few numbers by the same gradient. */
  readonly control?: true;
}

export interface Table {
  readonly title: string;
  /** What the values are, unit included; shares are given as percent. */
  readonly unit: string;
  /** What a row has one value for each of; seeds unless told. */
  readonly repeats?: string;
  readonly rows: readonly Row[];
}

/** Something that has to hold, and whether it does. */
export interface Expectation {
  readonly what: string;
  readonly holds: boolean;
  /** The figures that it was decided by. */
  readonly found: string;
}

export type Drawing =
  | ({ readonly kind: "lines" } & LineChart)
  /** Side by side, so many in a row. */
  | { readonly kind: "maps"; readonly columns: number; readonly maps: readonly HeatMap[] };

export interface Findings {
  readonly tables: readonly Table[];
  /** What the figures say of the claim, a sentence each, made of the figures themselves. */
  readonly conclusions: readonly string[];
  readonly expectations: readonly Expectation[];
  /** By file name, without an ending. */
  readonly drawings: Readonly<Record<string, Drawing>>;
}

/** What there is, without loading it: `what` in a few words, `about` in a sentence. */
export type Catalogue = Readonly<
  Record<string, { readonly what: string; readonly about: string; readonly load: () => Promise<Reproduction> }>
>;

/** A run as it is kept in results.json. */
export interface Recorded extends Omit<Findings, "drawings"> {
  readonly schema: 1;
  readonly id: string;
  readonly small: boolean;
  readonly config: object;
  readonly command: string;
  readonly drmad: string;
  readonly node: string;
  readonly processor: string;
  readonly seconds: number;
}
