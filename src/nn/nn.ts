/** Models as parameter trees and pure functions over them. */
export { forward, l2, mlp, type Layer, type MlpOptions } from "./mlp.ts";
export { errorRate } from "./metrics.ts";
export {
  constantParameter as constant,
  givenParameter as given,
  normalParameter as normal,
} from "../problem/parameter.ts";
