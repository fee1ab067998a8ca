import { openEngine } from "../../src/engine/choose.ts";
import type { Engine, Precision } from "../../src/engine/engine.ts";
import { referenceEngine } from "../../src/engine/reference/engine.ts";
import { ALL, holdEveryMethod, OF_ONE_RUN } from "./suite.ts";
import { TINY_NAMES } from "./tiny.ts";

/** The same of the reference engine, and of the native one in a thread of its own. */
const hosted = async (precision: Precision): Promise<Engine> =>
  (await openEngine({ engine: "native", precision, worker: true })).engine;

holdEveryMethod("reference", referenceEngine, OF_ONE_RUN, TINY_NAMES);
holdEveryMethod("native float32 in a thread of its own", () => hosted("float32"), ALL, [TINY_NAMES[2]!]);
holdEveryMethod("native float64 in a thread of its own", () => hosted("float64"), OF_ONE_RUN, [TINY_NAMES[0]!, TINY_NAMES[1]!]); // prettier-ignore
