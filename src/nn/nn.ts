/** Models as parameter trees and pure functions over them. */
export { forward, mlp, type Layer, type MlpOptions } from "./mlp.ts";
export { l1, l2 } from "./penalty.ts";
export { errorRate } from "./metrics.ts";
export {
  constantParameter as constant,
  givenParameter as given,
  normalParameter as normal,
  uniformParameter as uniform,
} from "../problem/parameter.ts";
