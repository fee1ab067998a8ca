import type { Compared, Comparison, Kind, Times } from "../study/compare.ts";
import type { Memory } from "./compare-memory.ts";
import { statistics, type Statistics } from "./statistics.ts";

/** 1 − cosine from which on two hypergradients in single precision are equal but for rounding. */
export const EQUAL = 1e-12;

type Measured = Extract<Compared, { readonly outcome: "ok" }>;

/** A row of the table that has a hypergradient. */
export interface Figures {
  readonly row: Measured;
  readonly seconds: Statistics;
  readonly cpuSeconds?: Statistics;
  /** Times as multiples of plain training's in the same round. */
  readonly ratio: Statistics;
  /** In MB. */
  readonly extraMemory?: Statistics;
}

export const isMeasured = (row: Compared): row is Measured => row.outcome === "ok";

export function figuresOf(row: Measured, plain: Times, memory: Memory | undefined): Figures {
  const extra = memory?.[row.name];
  return {
    row,
    seconds: statistics(row.seconds),
    ...(row.cpuSeconds === undefined ? {} : { cpuSeconds: statistics(row.cpuSeconds) }),
    ratio: statistics(row.seconds.map((seconds, round) => seconds / plain.seconds[round]!)),
    ...(extra === undefined || extra.length === 0
      ? {}
      : { extraMemory: statistics(extra.map((bytes) => bytes / 1e6)) }),
  };
}

/** Which method to look at first. */
export interface Findings {
  /** The quickest of the exact ones. */
  readonly exact: Figures;
  /** Of the approximations quicker than that, the one whose direction is nearest to the exact one. */
  readonly nearest?: Figures;
  /** Approximations quicker than that, with a direction or without. */
  readonly quicker: readonly Figures[];
  /** The control whose direction is nearest to the exact one. */
  readonly control?: Figures;
  /** Approximations no nearer than that control. */
  readonly noBetter: readonly Figures[];
}

/** Infinity where there is no direction. */
export const distanceOf = ({ row }: Figures): number => row.total.cosineDistance ?? Infinity;

const least = (rows: readonly Figures[], by: (figures: Figures) => number): Figures | undefined =>
  rows.reduce<Figures | undefined>((best, row) => (best === undefined || by(row) < by(best) ? row : best), undefined);

/** @param rows among which an exact one is */
export function findingsOf(rows: readonly Figures[]): Findings {
  const of = (kind: Kind): Figures[] => rows.filter(({ row }) => row.kind === kind);
  const exact = least(of("exact"), ({ ratio }) => ratio.median)!;
  const quicker = of("approximate").filter(({ ratio }) => ratio.median < exact.ratio.median);
  const nearest = least(
    quicker.filter((row) => Number.isFinite(distanceOf(row))),
    distanceOf,
  );
  const control = least(
    of("control").filter((row) => Number.isFinite(distanceOf(row))),
    distanceOf,
  );
  return {
    exact,
    quicker,
    ...(nearest === undefined ? {} : { nearest }),
    ...(control === undefined ? {} : { control }),
    noBetter: control === undefined ? [] : of("approximate").filter((row) => distanceOf(row) >= distanceOf(control)),
  };
}

/** As compare.json and the JSON lines have a row. */
export const described = (row: Compared, { plain }: Comparison, memory: Memory | undefined): object => {
  if (!isMeasured(row)) return row;
  const { seconds: _seconds, cpuSeconds: _cpu, ...rest } = row;
  const { row: _row, ...figures } = figuresOf(row, plain, memory);
  return { ...rest, ...figures };
};
