/** Sum over the series of a Prometheus page that have at least these labels. */
export function metricSum(page: string, name: string, labels: Readonly<Record<string, string>>): number {
  let sum = 0;
  for (const line of page.split("\n")) {
    const match = /^(\w+)(?:\{(.*)\})? ([^ ]+)/.exec(line);
    if (match?.[1] !== name) continue;
    const found = new Map(
      [...(match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = "", value = ""]) => [key, value]),
    );
    if (Object.entries(labels).every(([key, value]) => found.get(key) === value)) sum += Number(match[3]);
  }
  return sum;
}
