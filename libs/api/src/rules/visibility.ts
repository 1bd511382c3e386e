import type { Cursor } from "../report.ts";
import { checkDistinct } from "./distinct.ts";
import { isDnsLabel } from "./hosts.ts";

/** `exportTo`: `.` (own namespace), `*` (all), `~` (none) or namespaces; `*` and `~` stand alone. */
export function checkExportTo(exportTo: readonly string[], namespace: string, at: Cursor): void {
  for (const [index, entry] of exportTo.entries()) {
    const here = at.at(index);
    if (entry !== "." && entry !== "*" && entry !== "~" && !isDnsLabel(entry)) {
      here.error(
        "export-to",
        `${JSON.stringify(entry)} is not a namespace; write a name, "." for the own one or "*" for all`,
      );
    }
    if ((entry === "*" || entry === "~") && exportTo.length > 1)
      here.error("export-to", `${JSON.stringify(entry)} must be the only entry`);
  }
  const names = exportTo.map((entry) => (entry === "." ? namespace : entry));
  checkDistinct(names, "namespace", (index) => at.at(index));
}
