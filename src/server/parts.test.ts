import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { asking } from "../../test/server/asking.ts";
import type { Store } from "../store/store.ts";
import { readAssets } from "./assets.ts";
import { createCache } from "./cache.ts";
import { newToken, sameToken } from "./guard.ts";
import { toJson } from "./json.ts";
import { medianOf } from "./median.ts";
import { tensorInfos } from "./tensor-info.ts";
import { downsample } from "./tensor-map.ts";

const folder = mkdtempSync(join(tmpdir(), "drmad-assets-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the median is that of the sorted numbers", () => {
  for (let n = 1; n < 60; n++) {
    const values = Float64Array.from({ length: n }, (_, i) => ((i * i * 31 + n) % 17) - 8);
    const sorted = values.toSorted();
    const middle = (sorted[Math.floor((n - 1) / 2)]! + sorted[Math.floor(n / 2)]!) / 2;
    expect(medianOf(values)).toBe(middle);
  }
  expect(medianOf(new Float64Array(0))).toBeNaN();
  expect(medianOf(Float64Array.of(1.7e308, 1.7e308))).toBe(1.7e308);
  expect(medianOf(Float64Array.of(-Infinity, 3, Infinity))).toBe(3);
});

const tensor = (name: string, ...shape: readonly number[]) => ({ name, shape, perStep: false, transform: "log" });

test("tensors are images where they have a value for each pixel that the weights see, by row, by column or as a whole", () => {
  const image = { height: 3, width: 4 };
  const start = {
    tensors: [
      tensor("l2.0.W", 12, 5),
      tensor("l2.1.W", 12, 1),
      tensor("mask", 12),
      tensor("images", 7, 12),
      { ...tensor("rate", 12, 5), perStep: true },
      tensor("other", 5, 5),
    ],
    // A hidden layer as wide as an image is none.
    parameters: [
      { path: "0.W", shape: [12, 12] },
      { path: "1.W", shape: [12, 5] },
    ],
    image,
    rows: { train: 9 },
  } as unknown as Parameters<typeof tensorInfos>[0];
  expect(tensorInfos(start).map((info) => info.image?.whole)).toEqual([false, undefined, true, false, undefined, undefined]); // prettier-ignore
  expect(tensorInfos(start)[0]!.image).toEqual({ ...image, whole: false });
});

test("a map of blocks keeps what is not finite out of its means", () => {
  const data = new Float64Array(2049 * 1025).fill(1.7e308);
  data[0] = Infinity;
  data[1] = NaN;
  data[2050] = -4;
  const { rows, columns, blocks, cells, least, most, nonFinite } = downsample({ data }, [2049, 1025]);
  expect({ rows, columns, blocks, least, most, nonFinite }).toEqual({ rows: 683, columns: 513, blocks: [3, 2], least: -4, most: 1.7e308, nonFinite: 2 }); // prettier-ignore
  // Of six values in the first block, two are not finite, and one is small.
  expect(cells[0]! / 1.7e308).toBeCloseTo(0.75, 12);
  expect(cells.every(Number.isFinite)).toBe(true);
  const none = downsample({ data: Float64Array.of(NaN, Infinity) }, [1, 2]);
  expect(none).toMatchObject({ least: null, most: null, nonFinite: 2, cells: Float64Array.of(NaN, NaN) });
  expect(downsample({ data: new Float64Array(0) }, [0, 0])).toMatchObject({ rows: 0, columns: 0, least: null });
});

test("JSON has words for what it has no numbers for", () => {
  expect(toJson([NaN, Infinity, -Infinity, 1e-300, new Date(0)])).toBe(
    '["NaN","Infinity","-Infinity",1e-300,"1970-01-01T00:00:00.000Z"]',
  );
});

describe("a cache", () => {
  test("makes a thing once, and lets go of what was asked for least lately", async () => {
    const cache = createCache(100);
    const made: string[] = [];
    const of = (key: string, bytes: number): Promise<string> =>
      cache.of(
        key,
        async () => {
          made.push(key);
          return key;
        },
        () => bytes,
      );
    await Promise.all([of("a", 40), of("a", 40), of("b", 40)]);
    await of("a", 40);
    await of("c", 40);
    expect(cache.bytes()).toBe(80);
    await of("a", 40);
    await of("b", 40);
    expect(made).toEqual(["a", "b", "c", "b"]);
    await of("huge", 101);
    expect(cache.bytes()).toBe(0);
  });

  test("does not keep a failure", async () => {
    const cache = createCache(100);
    const torn = Promise.reject(new Error("torn"));
    await expect(
      cache.of(
        "a",
        () => torn,
        () => 1,
      ),
    ).rejects.toThrow("torn");
    expect(await cache.of("a", () => Promise.resolve(7), () => 1)).toBe(7); // prettier-ignore
  });
});

test("tokens are 256 random bits, and one is like itself only", () => {
  const [a, b] = [newToken(), newToken()];
  expect(a).toMatch(/^[\w-]{43}$/);
  expect([sameToken(a, a), sameToken(a, b), sameToken("", a), sameToken(a.slice(1), a)]).toEqual([true, false, false, false]); // prettier-ignore
});

describe("the built page", () => {
  const root = join(folder, "page");
  mkdirSync(join(root, "assets"), { recursive: true });
  writeFileSync(join(root, "index.html"), "<!doctype html>");
  writeFileSync(join(root, "assets/a b.js"), "1;");
  writeFileSync(join(root, "assets/a.js.map"), "{}");

  test("is read once, by the paths of addresses", () => {
    const assets = readAssets(root)!;
    expect([...assets.keys()].sort()).toEqual(["/assets/a%20b.js", "/index.html"]);
    expect(assets.get("/assets/a%20b.js")!.type).toBe("text/javascript; charset=utf-8");
    expect(readAssets(join(root, "assets"))).toBeUndefined();
    expect(readAssets(join(root, "none"))).toBeUndefined();
  });

  test("is served from memory, and not sent again", async () => {
    const { get } = asking({} as Store, { assets: readAssets(root), closed: true });
    const response = await get("/");
    expect([response.status, await response.text()]).toEqual([200, "<!doctype html>"]);
    const etag = response.headers.get("etag")!;
    expect((await get("/index.html", { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await get("/", { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(200);
    expect((await get("/assets/a%20b.js")).headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    // The page is for anybody; where it is closed, studies are not, nor whether something is there.
    for (const path of ["/api/studies", "/api/stream", "/none"]) expect((await get(path)).status).toBe(403);
  });
});
