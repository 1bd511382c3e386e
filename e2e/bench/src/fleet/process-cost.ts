import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** What a process has used so far. */
export interface ProcessCost {
  readonly cpuSeconds: number;
  /** Bytes, now and at most since `resetPeak`. */
  readonly rss: number;
  readonly peakRss: number;
}

export function costOf(pid: number): ProcessCost {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
  return { cpuSeconds: cpuSeconds(pid), rss: bytes("VmRSS"), peakRss: bytes("VmHWM") };
}

/** Lets the peak begin anew. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Of all threads, with the scheduler's nanoseconds: `stat` counts in hundredths of a second. */
function cpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // the thread has ended meanwhile
    }
  }
  return nanoseconds / 1e9;
}
