import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asking } from "../../test/server/asking.ts";
import { filled, type Filled } from "../../test/server/filled.ts";
import { gradientAt, HEIGHT, keep, startEvent, stepEvent, valueAt, WIDTH } from "../../test/server/studies.ts";
import { open } from "../store/open.ts";
import type * as api from "./api.ts";

let given: Filled;
beforeAll(async () => void (given = await filled()));
afterAll(() => given.close());
const ask = <T>(path: string): Promise<T> => given.asked.ask<T>(path);
const fault = (path: string): Promise<readonly [number, string]> => given.asked.fault(path);

test("health tells norms, shares and directions of the hypergradients", async () => {
  const { groups, steps, growth, chaotic } = await ask<api.Health>("/api/health?study=ended");
  expect(steps).toEqual([0, 1, 2, 3]);
  expect(growth).toEqual([2, 2, "Infinity", 2]);
  expect(chaotic).toEqual([false, false, true, false]);
  expect(groups.map(({ name, size }) => [name, size])).toContainEqual(["l2", HEIGHT * WIDTH + 5]);
  const l2 = groups.find(({ name }) => name === "l2")!;
  const first = ["l2.0.weights", "l2.1.weights"].flatMap((name) => [...gradientAt(name, 0)]);
  expect(l2.norm[0]).toBeCloseTo(Math.hypot(...first), 10);
  expect(l2.norm.slice(1, 3)).toEqual([0, "Infinity"]);
  expect(l2.zeros).toEqual([0, 1, 0, 0]);
  expect(l2.nonFinite).toEqual([0, 0, 2 / 17, 0]);
  expect(l2.cosine).toEqual([null, null, null, "NaN"]);
});

/** The step with another hypergradient, of one tensor. */
const withGradient = (n: number, gradient: readonly number[]): typeof startEvent => {
  const event = stepEvent(n) as Extract<typeof startEvent, { type: "step" }>;
  return { ...event, kept: { ...event.kept!, found: { gradient: { rate: Float64Array.from(gradient) }, value: 1 } } };
};

test("health has the cosine to the step before", async () => {
  const other = await open(join(given.folder, "cosine.db"));
  await keep(other, "s", [
    startEvent,
    withGradient(0, [1e200, 0]),
    withGradient(1, [1e-200, 1e-200]),
    withGradient(2, [-3, -3]),
  ]);
  const { groups } = await asking(other).ask<api.Health>("/api/health?study=s");
  expect(groups).toHaveLength(1);
  const [first, second, third] = groups[0]!.cosine;
  expect(first).toBeNull();
  expect(second).toBeCloseTo(Math.SQRT1_2, 14);
  expect(third).toBeCloseTo(-1, 14);
  expect(groups[0]!.norm[1]).toBeCloseTo(Math.SQRT2 * 1e-200, 210);
  await other.close();
});

test("examples are the rows of the least and the largest values, with their pictures", async () => {
  const { sorted, worst, best } = await ask<api.Examples>(`/api/examples?study=pictures&step=2&tensor=weight`);
  const values = valueAt("weight", 2);
  const order = [...values.keys()].filter((row) => row !== 3).sort((a, b) => values[a]! - values[b]!);
  expect(sorted).toEqual([...order.map((row) => values[row]), "NaN"]);
  expect(worst.map(({ row }) => row)).toEqual(order.slice(0, 24));
  expect(best[0]).toMatchObject({ row: order.at(-1), value: values[order.at(-1)!], label: order.at(-1)! % 10 });
  const { picture } = worst[0]!;
  expect(worst[0]).toMatchObject({ row: 5, value: -7, label: 5 });
  expect(picture).toMatchObject({ height: HEIGHT, width: WIDTH });
  expect([...Buffer.from(picture!.pixels, "base64")]).toEqual(Array.from({ length: 12 }, (_, i) => (60 + i) % 256));
  expect(await fault(`/api/examples?study=pictures&step=2&tensor=rate`)).toEqual([400, "invalid-argument"]);
  const older = await ask<api.Examples>("/api/examples?study=older&step=0&tensor=weight");
  expect(older.worst[0]).toMatchObject({ row: 5, label: null, picture: null });
});
