/** Tells the names that the package exports, and what comes of reaching past them. */
async function outcome(specifier: string): Promise<string> {
  try {
    await import(specifier);
    return "imported";
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

const past = ["drmad/dist/index.js", "drmad/dist/study/tune.js", "drmad/tune", "drmad/src/index.ts"];
console.log(
  JSON.stringify({
    names: Object.keys(await import("drmad")),
    past: await Promise.all(past.map(outcome)),
  }),
);
