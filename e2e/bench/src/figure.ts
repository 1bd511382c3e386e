/** One line of the result: what was measured, how, and what is asked for. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: "s" | "ms" | "MB" | "CPU s" | "CPU ms" | "cores" | "kB" | "×" | "";
  /** Not to be exceeded; none: only noted. */
  readonly goal?: number;
  readonly note?: string;
}

/** Aligned columns: name, figure, goal, verdict, note. */
export function formatFigures(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, goal, note }) => [
    name,
    `${round(value, unit)} ${unit}`,
    goal === undefined ? "" : `goal < ${goal} ${unit}`,
    goal === undefined ? "" : value < goal ? "met" : "MISSED",
    note ?? "",
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 1 ? cell.padStart(widths[1] ?? 0) : cell.padEnd(widths[column] ?? 0))),
    )
    .map((row) => row.join("  ").trimEnd())
    .join("\n");
}

function round(value: number, unit: Figure["unit"]): string {
  return value.toFixed(["s", "CPU s", "cores", "×"].includes(unit) ? 2 : unit === "" ? 0 : 1);
}
