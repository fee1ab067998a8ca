import { expect, test } from "vitest";
import { grid } from "./grid.ts";
import { heatMap } from "./heat-map.ts";
import { picture } from "./svg.ts";

const places = (svg: string): string[] => [...svg.matchAll(/<svg x="(\d+)" y="(\d+)"/g)].map(([, x, y]) => `${x},${y}`);

test("pictures stand in rows, columns as wide and rows as high as their largest", () => {
  const svg = grid([picture(100, 50, "a", []), picture(30, 80, "b", []), picture(120, 10, "c", [])], 2);
  expect(places(svg)).toEqual(["0,0", "120,0", "0,80"]);
  expect(svg).toMatch(/^<svg [^>]*width="150" height="90" viewBox="0 0 150 90"/);
});

test("one picture alone keeps its size, whatever its title says", () => {
  const map = heatMap({ title: 'a <svg width="9"> b', values: [1, 2], height: 1, width: 2, label: "v" });
  const [width] = /width="\d+"/.exec(map)!;
  const svg = grid([map], 2);
  expect(places(svg)).toEqual(["0,0"]);
  expect(svg).toContain(`<svg xmlns="http://www.w3.org/2000/svg" ${width}`);
});
