import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";

export interface Asset {
  readonly bytes: Uint8Array;
  readonly type: string;
  /** Quoted, as headers have it. */
  readonly etag: string;
}

/** The files of the page by the path of their address, `/index.html` among them. */
export type Assets = ReadonlyMap<string, Asset>;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
};

/**
 * Reads the built page whole, once: 60 kB or so. Files of kinds that no page needs, such as source maps, are left out.
 * @returns undefined where the folder has no index.html
 */
export function readAssets(folder: string): Assets | undefined {
  const assets = new Map<string, Asset>();
  const read = (path: string, address: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const [file, at] = [join(path, entry.name), `${address}/${encodeURIComponent(entry.name)}`];
      if (entry.isDirectory()) read(file, at);
      const type = TYPES[extname(entry.name)];
      if (!entry.isFile() || type === undefined) continue;
      const bytes = new Uint8Array(readFileSync(file));
      const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
      assets.set(at, { bytes, type, etag });
    }
  };
  try {
    read(folder, "");
  } catch {
    return undefined;
  }
  return assets.has("/index.html") ? assets : undefined;
}
