// The package's types must do without Node's where a browser's are there.
import * as drmad from "drmad";

export const everything: typeof drmad = drmad;
