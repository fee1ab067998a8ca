// npm run build: compiles src to dist where it is not up to date.
import { build, checkNode, install, stop } from "./prepare.mjs";

checkNode();
install();
if (!build()) stop("The build failed.");
