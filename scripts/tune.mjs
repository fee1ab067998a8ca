// npm run tune [-- [EXPERIMENT] [OPTIONS]]: tunes digits-l2, from a fresh clone with nothing but Node.
import { pathToFileURL } from "node:url";
import { build, checkNode, COMMAND_LINE, install, stop } from "./prepare.mjs";

checkNode();
install();
if (!build()) stop("The build failed.");

const given = process.argv.slice(2);
const experiment = given.length > 0 && !given[0].startsWith("-") ? [] : ["digits-l2"];
// The command runs in this very process, so that signals and the exit code are its own. It is not awaited: the errors
// that it reports with the user's line would have this one in their stack.
process.argv = [process.argv[0], COMMAND_LINE, "tune", ...experiment, ...given];
import(pathToFileURL(COMMAND_LINE).href);
