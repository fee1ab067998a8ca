import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { asking } from "../../test/server/asking.ts";
import { keep, startEvent, stepEvent } from "../../test/server/studies.ts";
import { open } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import type { StreamEvent } from "./api.ts";
import { eventStream } from "./stream.ts";
import { watchStore, type Watch } from "./watch.ts";

const folder = mkdtempSync(join(tmpdir(), "drmad-watch-"));
const place = join(folder, "studies.db");
let [mine, others]: Store[] = [];
beforeAll(async () => {
  mine = await open(place);
  others = await open(place);
});
afterAll(async () => {
  await mine!.close();
  await others!.close();
  rmSync(folder, { recursive: true });
});

/** What a listener was told so far. */
function heard(watch: Watch): { readonly events: StreamEvent[]; readonly leave: () => void } {
  const events: StreamEvent[] = [];
  return { events, leave: watch.listen((event) => events.push(event)) };
}

describe("a store's revision", () => {
  test("changes with what this process commits, and with what others do, and with nothing else", async () => {
    const seen = [await mine!.revision()];
    await mine!.list();
    expect(await mine!.revision()).toBe(seen[0]);
    await others!.create({ name: "by another", experiment: "e" });
    seen.push(await mine!.revision());
    await mine!.annotate("by another", { notes: "n" });
    seen.push(await mine!.revision());
    await expect(mine!.annotate("none", { notes: "n" })).rejects.toMatchObject({ code: "study-not-found" });
    expect(new Set(seen).size).toBe(3);
    expect(await mine!.revision()).toBe(seen[2]);
    expect(await others!.get("by another")).toMatchObject({ notes: "n", tags: [] });
  });
});

describe("a watch", () => {
  test("tells all listeners of what another process commits, with one look for all", async () => {
    const revision = vi.spyOn(mine!, "revision");
    const watch = watchStore(mine!, 5);
    const [first, second] = [heard(watch), heard(watch)];
    await vi.waitFor(() => expect(first.events).toHaveLength(1));
    const { over } = await keep(others!, "one", [startEvent]);
    await vi.waitFor(() =>
      expect(first.events.at(-1)!.studies).toContainEqual({ name: "one", state: "running", events: 1 }),
    );
    await over();
    await vi.waitFor(() =>
      expect(second.events.at(-1)!.studies).toContainEqual({ name: "one", state: "stopped", events: 1 }),
    );
    expect(second.events).toEqual(first.events);
    const third = heard(watch);
    expect(third.events).toEqual([first.events.at(-1)]);
    for (const { leave } of [first, second, third]) leave();
    expect(watch.listeners()).toBe(0);
    const looks = revision.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(revision.mock.calls.length - looks).toBeLessThanOrEqual(1);
    revision.mockRestore();
  });

  test("says nothing of a sign of life alone", async () => {
    await others!.create({ name: "beating", experiment: "e" });
    const claim = await others!.claim("beating");
    const watch = watchStore(mine!, 5);
    const { events, leave } = heard(watch);
    const list = vi.spyOn(mine!, "list");
    await vi.waitFor(() => expect(events).toHaveLength(1));
    const looks = list.mock.calls.length;
    await claim.beat();
    await vi.waitFor(() => expect(list.mock.calls.length).toBeGreaterThan(looks));
    await claim.append([startEvent, stepEvent(0)]);
    await vi.waitFor(() =>
      expect(events.at(-1)!.studies).toContainEqual({ name: "beating", state: "running", events: 2 }),
    );
    expect(events).toHaveLength(2);
    leave();
    list.mockRestore();
    await claim.release("stopped");
  });

  test("goes on after a store that cannot be read for a while", async () => {
    const revision = vi.spyOn(mine!, "revision").mockRejectedValue(new Error("locked"));
    const watch = watchStore(mine!, 5);
    const { events, leave } = heard(watch);
    await vi.waitFor(() => expect(revision.mock.calls.length).toBeGreaterThan(3));
    expect(events).toEqual([]);
    revision.mockRestore();
    await vi.waitFor(() => expect(events).toHaveLength(1));
    leave();
  });
});

const text = async (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> =>
  new TextDecoder().decode((await reader.read()).value);

describe("the stream", () => {
  test("sends what there is, then changes, and heartbeats between", async () => {
    const { get } = asking(mine!, { pollMs: 5, heartbeatMs: 20 });
    const response = await get("/api/stream");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body!.getReader();
    const first = await text(reader);
    const { studies } = JSON.parse(/^data: (.*)\n\n$/.exec(first)![1]!) as StreamEvent;
    expect(studies.map(({ name }) => name).sort()).toEqual(["beating", "by another", "one"]);
    expect(await text(reader)).toBe(": alive\n\n");
    await others!.create({ name: "<b>\n".trim(), experiment: "e" });
    let next = await text(reader);
    while (next === ": alive\n\n") next = await text(reader);
    expect(next).toContain('{"name":"<b>","state":"waiting","events":0}');
    await reader.cancel();
  });

  test("of a reader that goes away has no listener any more", async () => {
    const watch = watchStore(mine!, 5);
    const reader = eventStream(watch, 1000).body!.getReader();
    await text(reader);
    expect(watch.listeners()).toBe(1);
    await reader.cancel();
    expect(watch.listeners()).toBe(0);
  });

  test("of a reader that takes nothing ends", async () => {
    const watch = watchStore(mine!, 5);
    const { body } = eventStream(watch, 10);
    await vi.waitFor(() => expect(watch.listeners()).toBe(0));
    await body!.cancel();
  });

  test("is not begun by a request for its head", async () => {
    const revision = vi.spyOn(mine!, "revision");
    const { get } = asking(mine!, { pollMs: 5 });
    expect((await get("/api/stream", { method: "HEAD" })).body).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(revision).not.toHaveBeenCalled();
    revision.mockRestore();
  });
});
