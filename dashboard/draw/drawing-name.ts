/** The name under which the browser keeps how long maps took to draw. */
export const DRAWING = "drmad-map";
