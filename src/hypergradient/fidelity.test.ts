import { afterAll, describe, expect, test } from "vitest";
import { linear } from "../../test/oracle/linear.ts";
import { failure, rolloutOf } from "../../test/oracle/measure.ts";
import { watch } from "../../test/oracle/watch.ts";
import { mapPoint } from "../data/point.ts";
import { DrmadError, type ErrorCode } from "../errors.ts";
import { nativeEngine } from "../engine/onnx/session.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { checkpointed } from "./checkpointed.ts";
import { directOnly } from "./controls.ts";
import { exactFor, measureFidelity, type FidelityReport } from "./fidelity.ts";
import type { Hypergradient, Method } from "./method.ts";
import { reverse } from "./reverse.ts";

const engine = watch(nativeEngine({ precision: "float64", threads: 1 }));
afterAll(() => engine.close());

type Exact = Pick<Hypergradient, "gradient" | "direct">;
/** The exact result with something changed. */
const planted = (change: (exact: Exact) => Partial<Hypergradient>): Method => ({
  name: "planted",
  exact: false,
  async run(rollout) {
    const result = await reverse().run(rollout);
    return { ...result, ...change(result) };
  },
});
/** The part through training alone is changed, coordinate by coordinate. */
const through = (f: (part: number, name: string, i: number) => number): Method =>
  planted(({ gradient, direct }) => ({
    gradient: mapPoint(gradient, (v, name, i) => direct[name]![i]! + f(v - direct[name]![i]!, name, i)),
  }));

type Ok = Extract<FidelityReport, { outcome: "ok" }>;
async function measured(method: Method, k = 1, d = 1): Promise<Ok> {
  const report = await measureFidelity(await rolloutOf(linear(k, d), engine), method);
  expect(report.outcome).toBe("ok");
  return report as Ok;
}
const near = (value: number): number => expect.closeTo(value, 12) as number;

describe("figures by hand", () => {
  test("the exact gradient itself", async () => {
    const report = await measured(checkpointed({ checkpoints: 1 }));
    expect(report).toMatchObject({ method: "checkpointed", exact: "reverse", trust: "value", coordinates: 5 });
    const same = { cosine: near(1), lengthRatio: near(1), signAgreement: 1 };
    // (4, 4), −12, −7, 0 and (3, 4), −12, −12, 0
    expect(report.total).toEqual({ ...same, signs: { same: 4, opposite: 0, missing: 0, none: 1 }, length: near(15), exactLength: near(15) }); // prettier-ignore
    const length = near(Math.sqrt(313));
    expect(report.through).toEqual({ ...same, signs: { same: 4, opposite: 0, missing: 0, none: 1 }, length, exactLength: length }); // prettier-ignore
    // (1, 0), 0, 5, 0 against the whole: 4 − 35 = −31, one right sign, one wrong, two that it lacks.
    expect(report.direct).toMatchObject({ cosine: near(-31 / (15 * Math.sqrt(26))), lengthRatio: near(Math.sqrt(26) / 15), signs: { same: 1, opposite: 1, missing: 2, none: 1 }, signAgreement: 0.5 }); // prettier-ignore
    expect(report.verdict).toMatch(/^Trust checkpointed here, direction and length:/);
    expect(report.remarks).toEqual([expect.stringContaining("this point only")]);
  });

  test("scaled by 2: the direct part too, so that through training it is 2(t + d) − d", async () => {
    const report = await measured(planted(({ gradient }) => ({ gradient: mapPoint(gradient, (v) => 2 * v) })));
    expect(report.total).toMatchObject({ cosine: near(1), lengthRatio: near(2), length: near(30), exactLength: near(15) }); // prettier-ignore
    // (7, 8), −24, −19 against (3, 4), −12, −12
    expect(report.through).toMatchObject({
      cosine: near(569 / Math.sqrt(1050 * 313)),
      lengthRatio: near(Math.sqrt(1050 / 313)),
      signAgreement: 1,
    });
    expect(report.trust).toBe("direction");
    expect(report.verdict).toContain("Trust only the direction");
    expect(report.verdict).toContain("cosine 0.9925 to the exact gradient and 1.832 times its length");
  });

  test("negated", async () => {
    const report = await measured(planted(({ gradient }) => ({ gradient: mapPoint(gradient, (v) => -v) })));
    expect(report.total).toMatchObject({ cosine: near(-1), lengthRatio: near(1), signAgreement: 0, signs: { same: 0, opposite: 4, missing: 0, none: 1 } }); // prettier-ignore
    // −(t + d) − d = (−5, −4), 12, 2: 31 + 144 + 24 below 0, of length √189.
    expect(report.through).toMatchObject({ cosine: near(-199 / Math.sqrt(189 * 313)), lengthRatio: near(Math.sqrt(189 / 313)) }); // prettier-ignore
    expect(report).toMatchObject({ trust: "none", verdict: expect.stringMatching(/^Do not use planted here/) as string }); // prettier-ignore
    expect(report.verdict).toContain("0 % of its signs are right");
  });

  test("the direct part only", async () => {
    const report = await measured(directOnly());
    expect(report.through).toEqual({ lengthRatio: 0, signs: { same: 0, opposite: 0, missing: 4, none: 1 }, length: 0, exactLength: near(Math.sqrt(313)) }); // prettier-ignore
    expect(report.total).toMatchObject({ cosine: near(-31 / (15 * Math.sqrt(26))) });
    expect(report.trust).toBe("none");
    expect(report.verdict).toContain("nothing through training, where the exact gradient has length 17.69");
  });

  test("one group wrong, and then one tensor of a group", async () => {
    const group = await measured(through((v, name) => (name === "s" ? -v : v)));
    expect(group.through).toMatchObject({ cosine: near(25 / 313), lengthRatio: near(1), signAgreement: 0.75 });
    expect(Object.keys(group.groups)).toEqual(["u", "s", "z"]);
    expect(group.groups["u"]).toMatchObject({ coordinates: 3, trust: "value", through: { cosine: near(1), exactLength: near(13) } }); // prettier-ignore
    expect(group.groups["u"]!.total).toMatchObject({ exactLength: near(Math.sqrt(176)) });
    expect(group.groups["s"]).toMatchObject({ coordinates: 1, trust: "none", through: { cosine: near(-1) } });
    expect(group.groups["s"]).not.toHaveProperty("tensors");
    expect(group.groups["z"]).toMatchObject({ coordinates: 1, trust: "unmeasured" });
    const tensor = await measured(through((v, name) => (name === "u.b" ? v / 2 : v)));
    const { tensors } = tensor.groups["u"]!;
    expect(Object.keys(tensors!)).toEqual(["u.a", "u.b"]);
    expect(tensors!["u.a"]).toMatchObject({ coordinates: 2, trust: "value", through: { exactLength: near(5) } });
    expect(tensors!["u.b"]).toMatchObject({ trust: "signs", through: { lengthRatio: near(0.5) } });
    // 9 + 16 + 72 + 144 = 241, of 5² + 6² + 12² = 205
    expect(tensor.through.cosine).toBeCloseTo(241 / Math.sqrt(205 * 313), 12);
  });

  test("a group that is worse than the whole is named", async () => {
    const { trust, remarks } = await measured(through((v, name, i) => (name === "u.a" && i === 0 ? -v : v)));
    expect(trust).toBe("direction");
    expect(remarks[0]).not.toContain("s (");
    const small = await measured(through((v, name) => (name === "u.a" ? 0.01 * v : v)));
    expect(small.trust).toBe("direction");
    const wrong = await measured(through((v, name) => (name === "s" ? v / 3 : v)));
    expect(wrong.remarks.join()).toContain("s (signs)");
  });

  test("zeros are apart from signs", async () => {
    const lacking = await measured(through((v, name, i) => (name === "u.a" && i === 0 ? 0 : v)));
    expect(lacking.through).toMatchObject({ signAgreement: 1, signs: { same: 3, opposite: 0, missing: 1, none: 1 } });
    const invented = await measured(through((v, name) => (name === "z" ? 0.5 : v)));
    expect(invented.through).toMatchObject({ signAgreement: 1, signs: { same: 4, opposite: 0, missing: 0, none: 1 } });
    expect(invented.groups["z"]).toMatchObject({ trust: "none" });
    expect(invented.groups["z"]!.through).not.toHaveProperty("cosine");
    expect(invented.groups["z"]!.through).not.toHaveProperty("lengthRatio");
  });
});

describe("trust", () => {
  test.each([
    ["value", 1.09],
    ["direction", 1.11],
    ["direction", 0.89],
    ["value", 0.91],
  ])("%s where the part through training is %f times as long", async (trust, by) => {
    expect(await measured(through((v) => by * v))).toMatchObject({ trust, through: { lengthRatio: near(by) } });
  });

  test("signs only, where lengths are all wrong: each as long as its own square", async () => {
    const report = await measured(through((v, name) => (name === "u.a" ? 40 * v : v)));
    expect(report.through.cosine).toBeLessThan(0.9);
    expect(report).toMatchObject({ trust: "signs", verdict: expect.stringContaining("100 % of its signs are right") as string }); // prettier-ignore
    const lacking = await measured(through((v, name) => (name === "u.a" ? 40 * v : name === "u.b" ? 0 : v)));
    expect(lacking).toMatchObject({ trust: "none", through: { signAgreement: 1 } });
  });

  test("a dominating direct part is said, since anything agrees with it", async () => {
    const wrong = await measured(
      through((v) => -v),
      0.01,
    );
    expect(wrong.total.cosine).toBeGreaterThan(0.99);
    expect(wrong.trust).toBe("none");
    expect(wrong.remarks[0]).toMatch(/^The direct part alone.* cosine 0\.99.* says nothing about the method\.$/);
    const right = await measured(reverse());
    expect(right.remarks.join()).not.toContain("direct part alone");
  });

  test("nothing through training is unmeasured, unless the method sees something", async () => {
    const nothing = await measured(reverse(), 0);
    expect(nothing).toMatchObject({ trust: "unmeasured", verdict: expect.stringContaining("Nothing is known") as string }); // prettier-ignore
    const something = await measured(
      planted(({ gradient }) => ({ gradient: mapPoint(gradient, (v) => v + 1) })),
      0,
    );
    expect(something).toMatchObject({ trust: "none", verdict: expect.stringContaining("where there is exactly none") as string }); // prettier-ignore
  });

  test("a gradient of 0", async () => {
    const report = await measured(reverse(), 0, 0);
    expect(report.total).toEqual({ signs: { same: 0, opposite: 0, missing: 0, none: 5 }, length: 0, exactLength: 0 });
    expect(report.remarks[0]).toContain("The exact hypergradient is 0");
    expect(JSON.stringify(report)).not.toContain("null");
  });

  test("what rounding leaves of equal parts is nothing", async () => {
    const rounded = planted(({ direct }) => ({ gradient: mapPoint(direct, (v) => v * (1 + 2 ** -52)) }));
    expect((await measured(rounded, 0)).trust).toBe("unmeasured");
  });

  test("an exploded gradient has a cosine, and a remark", async () => {
    const exploded = planted(({ gradient }) => ({ gradient: mapPoint(gradient, (v) => 1e200 * v), growth: 1e200, growthPassedAt: 1 })); // prettier-ignore
    const report = await measured(exploded);
    expect(report.total).toMatchObject({ cosine: near(1), lengthRatio: expect.closeTo(1e200, -190) as number });
    expect(report).toMatchObject({ growth: { growth: 1e200, growthPassedAt: 1 }, exactGrowth: { growth: 1 } });
    expect(report.exactGrowth).not.toHaveProperty("growthPassedAt");
    expect(report.remarks.join()).toContain("1.0e+200-fold");
    const chaotic: Method = { ...reverse(), run: async (r) => ({ ...(await reverse().run(r)), growth: 1e5 }) };
    const rollout = await rolloutOf(linear(), engine);
    const { verdict, remarks } = await measureFidelity(rollout, directOnly(), { exact: chaotic });
    expect(verdict).toMatch(/^Trust no hypergradient here, not even the exact one: .* 1\.0e\+5-fold/);
    expect(remarks[0]).toContain("all the same: Do not use directOnly here");
  });
});

const failing = (code: ErrorCode): Method => ({
  name: "failing",
  exact: false,
  run: () => Promise.reject(new DrmadError(code, "it failed")),
});

describe("what a method cannot give", () => {
  test.each(["non-finite", "not-stationary", "not-converged"] as const)("%s is an outcome", async (code) => {
    const report = await measureFidelity(await rolloutOf(linear(), engine), failing(code));
    expect(report).toMatchObject({ outcome: code, message: "it failed", trust: "none", exactGrowth: { growth: 1 } });
    expect(report.verdict).toBe("Do not use failing here: it has no hypergradient, though reverse has one.");
  });

  test.each([
    ["gradient in s", { gradient: { "u.a": Float64Array.of(1, 2), "u.b": Float64Array.of(1), s: Float64Array.of(NaN) } }], // prettier-ignore
    ["growth", { growth: Infinity }],
    ["loss", { value: -Infinity }],
  ])("a %s that is not finite too", async (part, change) => {
    const report = await measureFidelity(
      await rolloutOf(linear(), engine),
      planted(() => change),
    );
    expect(report).toMatchObject({ outcome: "non-finite", message: expect.stringContaining(part) as string });
  });

  test("but no other error is, nor one of the exact method", async () => {
    const rollout = await rolloutOf(linear(), engine);
    await expect(measureFidelity(rollout, failing("unsupported"))).rejects.toMatchObject(failure("unsupported"));
    const exact = { ...failing("non-finite"), exact: true };
    await expect(measureFidelity(rollout, reverse(), { exact })).rejects.toMatchObject(failure("non-finite"));
    const inexact = measureFidelity(rollout, reverse(), { exact: directOnly() });
    await expect(inexact).rejects.toMatchObject(failure("invalid-argument", "directOnly is not exact"));
  });
});

test("what is at hand is not computed again, and everything is freed", async () => {
  const rollout = await rolloutOf(linear(), engine);
  await measureFidelity(rollout, directOnly());
  const { final, ...result } = await directOnly().run(rollout);
  rollout.free(final);
  const held = engine.held();
  const given = { ...result, seconds: 5 };
  const report = await measureFidelity(rollout, failing("unsupported"), { given });
  expect(report).toMatchObject({ outcome: "ok", trust: "none", seconds: { method: 5 } });
  expect(report.seconds.training).toBeGreaterThan(0);
  expect(report.seconds.exact).toBeGreaterThan(0);
  await measureFidelity(rollout, failing("non-finite"));
  expect(engine.held()).toBe(held);
});

const exactOf = (steps: number, stateBytes: number): object => exactFor({ steps, stateBytes } as Rollout);
test("the exact method is reverse while its states fit, and checkpointed with √T checkpoints beyond", () => {
  expect(exactOf(100, 1e6)).toMatchObject({ method: { name: "reverse", exact: true }, trainings: 3 });
  expect(exactOf(200, 1e6)).toMatchObject({ method: { name: "checkpointed", exact: true }, trainings: 4 });
});
