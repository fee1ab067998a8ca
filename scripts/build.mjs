// npm run build: compiles src to dist, and bundles the dashboard's page, where they are not up to date.
import { build, buildDashboard, checkNode, install, stop } from "./prepare.mjs";

checkNode();
install();
if (!build()) stop("The build failed.");
if (!buildDashboard()) stop("The build of the dashboard's page failed.");
