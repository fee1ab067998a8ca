/**
 * Training and its adjoint in plain arrays, every derivative by hand: a leg that shares no code with the library.
 *
 *     L_t(w) = ½ (w − c_t)ᵀA(w − c_t) + ½ Σ λᵢ wᵢ² + ¼ κ Σ wᵢ⁴        f(w) = ½ Σ (wᵢ − bᵢ)² + ⅕ Σ λᵢ wᵢ
 *     v ← γ_t v − (1 − γ_t) g,   w ← w + α_t v,   v₀ = 0               α_t, γ_t: a number for each weight
 */
export interface PlainProblem {
  readonly steps: number;
  readonly start: readonly number[];
  /** Symmetric. */
  readonly curvature: readonly (readonly number[])[];
  readonly quartic: number;
  readonly target: readonly number[];
  centre(t: number): readonly number[];
  readonly penalty: readonly number[];
  rate(t: number): readonly number[];
  decay(t: number): readonly number[];
}

/** Where a sweep takes weights and velocities from. */
export interface PlainPath {
  readonly length: number;
  weights(t: number): readonly number[];
  velocityBefore(t: number): readonly number[];
  velocityAfter(t: number): readonly number[];
}

export interface PlainGradient {
  readonly value: number;
  readonly penalty: readonly number[];
  /** By step, then weight. */
  readonly rate: readonly (readonly number[])[];
  readonly decay: readonly (readonly number[])[];
  readonly growth: number;
}

type Vector = readonly number[];

const dot = (a: Vector, b: Vector): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const apply = (m: readonly Vector[], v: Vector): Vector => m.map((row) => dot(row, v));

const gradientAt = (p: PlainProblem, w: Vector, t: number): Vector => {
  const centre = p.centre(t);
  const pull = apply(
    p.curvature,
    w.map((v, i) => v - centre[i]!),
  );
  return w.map((v, i) => pull[i]! + p.penalty[i]! * v + p.quartic * v ** 3);
};

/** w_0 … w_T and v_0 … v_T. */
export function plainTraining(p: PlainProblem): { readonly w: readonly Vector[]; readonly v: readonly Vector[] } {
  const w: Vector[] = [p.start];
  const v: Vector[] = [p.start.map(() => 0)];
  for (let t = 0; t < p.steps; t++) {
    const g = gradientAt(p, w[t]!, t);
    v.push(v[t]!.map((x, i) => p.decay(t)[i]! * x - (1 - p.decay(t)[i]!) * g[i]!));
    w.push(w[t]!.map((x, i) => x + p.rate(t)[i]! * v[t + 1]![i]!));
  }
  return { w, v };
}

/** The true trajectory. */
export function plainTrajectory(p: PlainProblem): PlainPath {
  const { w, v } = plainTraining(p);
  return {
    length: p.steps,
    weights: (t) => w[t]!,
    velocityBefore: (t) => v[t]!,
    velocityAfter: (t) => v[t + 1]!,
  };
}

/** The straight line with samples at the given positions: (w_T − w_0)/T is what every training step moves. */
export function plainLine(p: PlainProblem, positions: Vector): PlainPath {
  const { w } = plainTraining(p);
  const [first, last] = [w[0]!, w[p.steps]!];
  const velocity = (t: number): Vector => first.map((x, i) => (last[i]! - x) / p.steps / p.rate(t)[i]!);
  return {
    length: positions.length,
    weights: (t) => first.map((x, i) => x + positions[t]! * (last[i]! - x)),
    velocityBefore: (t) => (t === 0 ? first.map(() => 0) : velocity(t - 1)),
    velocityAfter: velocity,
  };
}

/**
 * The adjoint sweep, in natural values of the hyperparameters.
 * @param last where training ends
 */
export function plainSweep(
  p: PlainProblem,
  path: PlainPath,
  last: Vector = plainTraining(p).w[p.steps]!,
): PlainGradient {
  const value = 0.5 * last.reduce((sum, w, i) => sum + (w - p.target[i]!) ** 2, 0) + 0.2 * dot(p.penalty, last);
  let dw: Vector = last.map((w, i) => w - p.target[i]! + 0.2 * p.penalty[i]!);
  let dv: Vector = last.map(() => 0);
  let penalty: Vector = last.map((w) => 0.2 * w);
  const rate: Vector[] = [];
  const decay: Vector[] = [];
  const begin = Math.sqrt(dot(dw, dw));
  let growth = 1;
  for (let t = path.length - 1; t >= 0; t--) {
    const w = path.weights(t);
    const g = gradientAt(p, w, t);
    const [alpha, gamma] = [p.rate(t), p.decay(t)];
    const [before, after] = [path.velocityBefore(t), path.velocityAfter(t)];
    rate[t] = dw.map((x, i) => x * after[i]!);
    dv = dv.map((x, i) => x + alpha[i]! * dw[i]!);
    decay[t] = dv.map((x, i) => x * (before[i]! + g[i]!));
    const u = dv.map((x, i) => (1 - gamma[i]!) * x);
    const bent = apply(p.curvature, u);
    penalty = penalty.map((x, i) => x - w[i]! * u[i]!);
    dw = dw.map((x, i) => x - bent[i]! - p.penalty[i]! * u[i]! - 3 * p.quartic * w[i]! ** 2 * u[i]!);
    dv = dv.map((x, i) => gamma[i]! * x);
    growth = Math.max(growth, Math.sqrt(dot(dw, dw)) / begin);
  }
  return { value, penalty, rate, decay, growth };
}

/** f differentiated through the last step alone at each of some steps, the mean of these, and the direct part at the end. */
export function plainLastStep(p: PlainProblem, after: readonly number[]): PlainGradient {
  const { w, v } = plainTraining(p);
  const zeros = (): number[][] => Array.from({ length: p.steps }, () => p.start.map(() => 0));
  const [rate, decay] = [zeros(), zeros()];
  const penalty = w[p.steps]!.map((x) => 0.2 * x);
  for (const to of after) {
    const t = to - 1;
    const g = gradientAt(p, w[t]!, t);
    w[to]!.forEach((x, i) => {
      const dw = (x - p.target[i]! + 0.2 * p.penalty[i]!) / after.length;
      const [alpha, gamma] = [p.rate(t)[i]!, p.decay(t)[i]!];
      rate[t]![i] = dw * v[to]![i]!;
      decay[t]![i] = alpha * dw * (v[t]![i]! + g[i]!);
      penalty[i]! -= alpha * (1 - gamma) * dw * w[t]![i]!;
    });
  }
  return {
    value: 0.5 * w[p.steps]!.reduce((sum, x, i) => sum + (x - p.target[i]!) ** 2, 0),
    penalty,
    rate,
    decay,
    growth: 1,
  };
}
