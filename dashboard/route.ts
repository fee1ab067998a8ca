import { value } from "./data/value.ts";

export const STUDY_PAGES = {
  overview: "Overview",
  hyperparameters: "Hyperparameters",
  inner: "Inner curves",
  health: "Gradient health",
  log: "Log and config",
} as const;
export type StudyPage = keyof typeof STUDY_PAGES;

export type Route =
  | { readonly page: "runs" }
  | { readonly page: "compare"; readonly studies: readonly string[] }
  | { readonly page: StudyPage; readonly study: string; readonly tensor?: string }
  | { readonly page: "unknown"; readonly hash: string };

/** The place in the page that an address names: `#/study/NAME/hyperparameters?tensor=T`. */
export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parameters = new URLSearchParams(query);
  if (path === "") return { page: "runs" };
  if (path === "compare") return { page: "compare", studies: parameters.getAll("study") };
  const [, name = "", page = "overview"] = /^study\/([^/]+)(?:\/([a-z]+))?$/.exec(path) ?? [];
  const study = decoded(name);
  if (study === "" || !isStudyPage(page)) return { page: "unknown", hash };
  const tensor = parameters.get("tensor");
  return { page, study, ...(tensor === null ? {} : { tensor }) };
}

const isStudyPage = (page: string): page is StudyPage => Object.hasOwn(STUDY_PAGES, page);

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return "";
  }
}

export const studyAddress = (study: string, page: StudyPage = "overview", tensor?: string): string =>
  `#/study/${encodeURIComponent(study)}/${page}${tensor === undefined ? "" : `?tensor=${encodeURIComponent(tensor)}`}`;

export const compareAddress = (studies: readonly string[]): string =>
  `#/compare?${studies.map((name) => `study=${encodeURIComponent(name)}`).join("&")}`;

export const route = value<Route>({ page: "runs" });

const follow = (): void => route.set(routeOf(location.hash));

/** Follows the address. */
export function followAddress(): void {
  addEventListener("hashchange", follow);
  follow();
}
