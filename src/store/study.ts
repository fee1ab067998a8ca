/** Studies that are kept, and the outer loop step by step. */
export { open, upgrade, type StoreOptions } from "./open.ts";
export { resume, tune, type NewStudyOptions, type StudyOptions } from "./persist.ts";
export type { Activity, Annotation, Claim, LoggedEvent, NewStudy, State, Store, StudySummary } from "./store.ts";
export { outerLoop, type Asked, type Evaluation, type Loop, type LoopSettings, type Told } from "../study/loop.ts";
export { fold, nothingYet, type Kept, type Position, type StudyEvent, type StudyState } from "../study/state.ts";
