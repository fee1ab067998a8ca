// Everything below this folder's parent is drmad itself; the first stack frame outside it is the user's.
const ROOT: string = new URL("..", import.meta.url).href;

const isOurs = (frame: string): boolean =>
  (frame.includes(ROOT) || frame.includes(ROOT.replace("file://", ""))) && !frame.includes(".test.");

/** `file:line:column` of the innermost stack frame outside drmad, or undefined where the platform gives no stack. */
export function callerLine(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const stack = new Error("trace").stack ?? "";
  Error.stackTraceLimit = limit;
  for (const line of stack.split("\n").slice(1)) {
    if (isOurs(line) || line.includes("node:") || line.includes("(<anonymous>)")) continue;
    const place = /^\s*at (?:async )?(?:.*? \()?(.+:\d+:\d+)\)?$/.exec(line);
    if (place) return place[1]!.replace("file://", "");
  }
  return undefined;
}
