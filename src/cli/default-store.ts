/** Where studies are kept unless --store says otherwise. */
export const DEFAULT_STORE = "runs/drmad.db";
