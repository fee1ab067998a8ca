/** Studies that are kept, and the outer loop step by step. */
export { open, upgrade, type StoreOptions, type Upgraded } from "./open.ts";
export { fork, resume, tune, type ForkOptions, type NewStudyOptions, type StudyOptions } from "./persist.ts";
export { multiStart, type Beginning, type MultiStart, type MultiStartOptions, type Started } from "./multi-start.ts";
export type { Cleaned, CleanOptions } from "./clean.ts";
export type { Forecast, Keep } from "./retention.ts";
export type { Activity, Annotation, Claim, LoggedEvent, NewStudy, State, Store, StudySummary } from "./store.ts";
export { outerLoop, type Asked, type Evaluation, type Loop, type LoopSettings, type Told } from "../study/loop.ts";
export { fold, nothingYet, type Kept, type Position, type StudyEvent, type StudyState } from "../study/state.ts";
