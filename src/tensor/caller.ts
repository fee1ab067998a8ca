// Everything below this folder's parent is drmad itself; the first stack frame outside it, and outside packages, is the user's.
// Frames name files by address or by path; the two differ where a folder has a blank in its name.
const ROOT: URL = new URL("..", import.meta.url);
const ROOTS: readonly string[] = [ROOT.href, decodeURIComponent(ROOT.pathname)];

const isOurs = (frame: string): boolean => ROOTS.some((root) => frame.includes(root)) && !frame.includes(".test.");

/** `file:line:column` of the innermost stack frame outside drmad, or undefined where the platform gives no stack. */
export function callerLine(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const stack = new Error("trace").stack ?? "";
  Error.stackTraceLimit = limit;
  for (const line of stack.split("\n").slice(1)) {
    if (isOurs(line) || line.includes("node:") || line.includes("/node_modules/") || line.includes("(<anonymous>)"))
      continue;
    const place = /^\s*at (?:async )?(?:.*? \()?(.+:\d+:\d+)\)?$/.exec(line);
    if (place) return place[1]!.replace("file://", "");
  }
  return undefined;
}
