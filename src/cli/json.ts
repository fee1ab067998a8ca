import { toJson } from "../server/json.ts";

export { toJson };

/** One line of `--json` output. */
export const writeJson = (event: object): void => void process.stdout.write(`${toJson(event)}\n`);
