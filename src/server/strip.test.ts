import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asking } from "../../test/server/asking.ts";
import { filled, type Filled } from "../../test/server/filled.ts";
import { HEIGHT, keep, ROWS, startEvent, stepEvent, valueAt, WIDTH } from "../../test/server/studies.ts";
import { open } from "../store/open.ts";
import { sqliteBackend } from "../store/sqlite.ts";
import type * as api from "./api.ts";

let given: Filled;
beforeAll(async () => void (given = await filled()));
afterAll(() => given.close());
const ask = <T>(path: string): Promise<T> => given.asked.ask<T>(path);
const fault = (path: string): Promise<readonly [number, string]> => given.asked.fault(path);

const pixels = (frame: api.StripFrame): number[] => [...Buffer.from(frame.picture!.cells, "base64")];
const ends = (strip: api.Strip): unknown[] => [strip.warp, strip.diverging, strip.least, strip.most];

describe("a strip", () => {
  test("has a tensor's pictures at all kept steps, in one scale, as its maps lie", async () => {
    const strip = await ask<api.Strip>("/api/strip?study=pictures&tensor=l2.0.weights&of=value");
    const all = [0, 1, 2, 3].map((step) => valueAt("l2.0.weights", step));
    const logs = all.map((values) => [...values].map(Math.log));
    const [low, high] = [Math.min(...logs.flat()), Math.max(...logs.flat())];
    expect([strip.kept, strip.frames.map(({ step }) => step)]).toEqual([4, [0, 1, 2, 3]]);
    expect(ends(strip)).toEqual(["log", false, Math.min(...all.flatMap((v) => [...v])), Math.max(...all.flatMap((v) => [...v]))]); // prettier-ignore
    for (const [i, frame] of strip.frames.entries()) {
      expect(frame.picture).toMatchObject({ rows: HEIGHT, columns: WIDTH, extent: [HEIGHT, WIDTH] });
      // Drawn in its own levels, then in the common ones.
      pixels(frame).forEach((level, j) => expect(Math.abs(level - (253 * (logs[i]![j]! - low)) / (high - low))).toBeLessThanOrEqual(1.01)); // prettier-ignore
    }
    const images = await ask<api.Strip>("/api/strip?study=pictures&tensor=inputs&of=value");
    expect(images.frames[0]!.picture).toMatchObject({ rows: HEIGHT, columns: 2 * WIDTH + 1 });
    expect(pixels(images.frames[0]!).filter((level) => level === 255)).toHaveLength(HEIGHT);
  });

  test("of a hypergradient runs both ways from zero, and marks what is not finite", async () => {
    const strip = await ask<api.Strip>("/api/strip?study=pictures&tensor=weight&of=hypergradient");
    expect(ends(strip).slice(0, 2)).toEqual(["signed", true]);
    expect(strip.least).toBe(-strip.most!);
    // Zero everywhere at step 1.
    expect(new Set(pixels(strip.frames[1]!))).toEqual(new Set([127]));
    expect(pixels(strip.frames[2]!)[0]).toBe(254);
    expect(strip.frames[0]!.picture).toMatchObject({ rows: 1, columns: ROWS });
  });

  test("says of steps of an older drmad that there is no picture, and reads no file", async () => {
    const place = join(given.folder, "bare.db");
    const other = await open(place);
    const { over } = await keep(other, "bare", [startEvent, stepEvent(0), stepEvent(1)]);
    await over();
    const backend = await sqliteBackend(place);
    await backend.db.updateTable("tensors").set({ thumbnail: null }).where("step", "=", 0).execute();
    await backend.db.destroy();
    rmSync(`${place}.tensors`, { recursive: true });
    const strip = await asking(other).ask<api.Strip>("/api/strip?study=bare&tensor=big&of=value");
    expect(strip.frames).toMatchObject([{ step: 0, picture: null }, { step: 1, picture: { rows: 64, columns: 10, extent: [3000, 10] } }]); // prettier-ignore
    await other.close();
  });

  test("is refused where there is none", async () => {
    for (const [query, status] of [
      ["study=pictures&tensor=none&of=value", 400],
      ["study=pictures&tensor=big&of=all", 400],
      ["study=waiting&tensor=big&of=value", 400],
      ["study=none&tensor=big&of=value", 404],
    ] as const)
      expect([query, await fault(`/api/strip?${query}`)]).toEqual([query, [status, status === 404 ? "study-not-found" : "invalid-argument"]]); // prettier-ignore
  });
});
