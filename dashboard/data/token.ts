const KEY = "drmad-token";

/** Takes the token out of the address, where the command line put it, and keeps it for as long as the tab is open. */
export function takeToken(): void {
  const found = /^#token=([^&]*)&?(.*)$/.exec(location.hash);
  if (found === null) return;
  sessionStorage.setItem(KEY, found[1]!);
  const rest = found[2] === "" ? "#/" : `#${found[2]}`;
  history.replaceState(null, "", `${location.pathname}${rest}`);
}

/** What shows the server that whoever asks has seen its terminal; null where this tab never had it. */
export const token = (): string | null => sessionStorage.getItem(KEY);
