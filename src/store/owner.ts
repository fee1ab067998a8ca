import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * This process, by the boot of the machine and the namespace in which its number counts. Elsewhere than on Linux, whether
 * another one is alive is not asked.
 */
export function thisProcess(): string {
  return JSON.stringify([machine(), process.pid]);
}

function machine(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** Whether a process is known to be gone. Of one on another machine nothing is known. */
export function isGone(owner: string | null): boolean {
  if (owner === null) return true;
  const [where, pid] = JSON.parse(owner) as [string, number];
  if (where !== machine() || !existsSync(`/proc/self`)) return false;
  return !existsSync(`/proc/${pid}`);
}
