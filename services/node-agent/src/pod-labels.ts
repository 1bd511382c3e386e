/** The downward API's form of labels: one `key="value"` a line, the value escaped as a Go string. */
export function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, key, quoted] = /^([^=]+)=(".*")$/.exec(line.trim()) ?? [];
    if (key !== undefined && quoted !== undefined) labels[key] = JSON.parse(quoted) as string;
  }
  return labels;
}
