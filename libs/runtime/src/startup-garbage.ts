import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Late enough for a service's first work, and soon enough to matter to what runs beside it. */
const afterMs = 3_000;
/** A larger heap is at work; collecting all of it would be felt. */
const smallHeapBytes = 96 * 1024 * 1024;
/** A process that has done so little since the last look is idle. */
const idleUtilization = 0.02;
/** One that was never idle for so many looks has better things to do. */
const mostLooks = 100;

type Collect = (options: { readonly type: "major"; readonly flavor: "last-resort" }) => void;

/**
 * Reading its program leaves a process with garbage that V8 keeps as long as nothing more happens, which in a control plane
 * is most of the time. Gives it back once, when the process is idle soon after the start: about 6 MB of a service. V8 has
 * no other way to ask, and this one also forgets compiled code, so it must not come between requests.
 */
export function giveBackStartupGarbage(): void {
  let before = performance.eventLoopUtilization();
  let looks = 0;
  const timer = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    if (utilization > idleUtilization && ++looks < mostLooks) return;
    clearInterval(timer);
    if (utilization <= idleUtilization && process.memoryUsage().heapUsed <= smallHeapBytes) collectAll();
  }, afterMs).unref();
}

function collectAll(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  setFlagsFromString("--no-expose-gc");
  collect({ type: "major", flavor: "last-resort" });
}
