import "uplot/dist/uPlot.min.css";
import "./style/page.css";
import "./style/parts.css";
import "./style/drawings.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { listen } from "./data/live.ts";
import { takeToken } from "./data/token.ts";
import { followAddress } from "./route.ts";

takeToken();
followAddress();
listen();
render(<App />, document.querySelector("#page")!);
