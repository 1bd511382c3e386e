import type { LiveChange } from "./change-clock.ts";
import type { Report } from "@lateen/galley-validator";
import { formatViolation } from "./violation-text.ts";

/** One line for each mistake that appeared, and one when the last of a file is gone. */
export function printReport(report: Report, print: (line: string) => void): void {
  for (const violation of report.raised) print(`wrong ${formatViolation(violation)}`);
  const errors = report.raised.filter((violation) => violation.severity === "error").length;
  if (errors > 0) print("      the last good version keeps serving; everything else in the folder works");
  if (report.all.length === 0 && report.cleared.length > 0) print(`right ${report.unit}: nothing is wrong any more`);
}

/** What to say of a change that is in force, as in `VirtualService/shop/reviews on all 3 proxies 23 ms after the save`. */
export function liveText({ objects, proxies, tookMs, revision }: LiveChange): string {
  const names = objects.length > 4 ? `${objects.length} objects` : objects.join(", ");
  if (proxies === 0) return `${names} accepted, no proxy is connected yet (revision ${revision})`;
  return `${names} on all ${proxies} proxies ${tookMs.toFixed(0)} ms after the save (revision ${revision})`;
}
