// A Vitest reporter for scripts/test.mjs: writes the counts, and every test left out with its reason, to a file.
import { writeFileSync } from "node:fs";

export default class Summary {
  onTestRunEnd(modules, errors) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const results = tests.map((test) => ({ test, result: test.result() }));
    const count = (state) => results.filter(({ result }) => result.state === state).length;
    // A file that fails before its first test, and an error outside any test, are failures as well.
    const lost = modules.filter((module) => module.state() === "failed" && module.errors().length > 0).length;
    writeFileSync(
      process.env["DRMAD_TEST_SUMMARY"],
      JSON.stringify({
        passed: count("passed"),
        failed: count("failed") + count("pending") + lost + errors.length,
        omitted: results
          .filter(({ result }) => result.state === "skipped")
          .map(({ test, result }) => ({
            name: `${test.module.relativeModuleId} > ${test.fullName}`,
            why: result.note === undefined ? "no reason given" : result.note,
          })),
      }),
    );
  }
}
