/** A dense row-major array. `Int32Array` holds integers (labels, indices); every other kind is read as real numbers. */
export interface NdArray {
  readonly data: Float32Array | Float64Array | Uint8Array | Int32Array;
  readonly shape: readonly number[];
}

/** Named arrays that share their first axis, one row an example: `{ x: [n, 64], y: [n] }`. */
export type Split = { readonly [name: string]: NdArray };

/** What a type must be to be a split; as a bound it takes interfaces too, which have no index signature. */
export type SplitOf<S> = { readonly [K in keyof S]: NdArray };

/** How a row of `x` folds back into a picture: planes of `height` rows of `width` pixels, one after the other. */
export interface ImageShape {
  /** Planes, such as red, green and blue; 1 unless told. */
  readonly channels?: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Three disjoint sets of examples. Weights are fitted on `train`, hyperparameters on `valid`;
 * `test` is evaluated for the report only and never chooses anything.
 */
export interface Dataset<S extends SplitOf<S> = Split> {
  readonly train: S;
  readonly valid: S;
  readonly test?: S;
  readonly image?: ImageShape;
}
