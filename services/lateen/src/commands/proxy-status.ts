import { askPilots, type PilotOptions } from "../pilot-debug.ts";
import { table } from "../table.ts";

/** As pilot's /debug/syncz answers. */
interface SyncStatus {
  readonly proxy: string;
  readonly version: string;
  readonly cluster_id: string;
  readonly types: readonly TypeStatus[];
}

interface TypeStatus {
  readonly name: string;
  readonly status: string;
  readonly error?: string;
  /** What was refused, and the objects it was made from. */
  readonly resources?: readonly string[];
  readonly objects?: readonly string[];
}

/** Prints each proxy's state a type, and what a proxy refused. Exit code 1 when one is in ERROR. */
export async function proxyStatus(options: PilotOptions & { readonly output: string }): Promise<void> {
  const answers = await askPilots<readonly SyncStatus[]>(options, "/debug/syncz");
  if (options.output === "json") {
    console.log(
      JSON.stringify(
        answers.flatMap(({ pilot, body }) => body.map((proxy) => ({ pilot, ...proxy }))),
        null,
        2,
      ),
    );
    return;
  }
  const proxies = answers
    .flatMap(({ pilot, body }) => body.map((proxy) => ({ pilot, ...proxy })))
    .sort((a, b) => a.proxy.localeCompare(b.proxy));
  if (proxies.length === 0) {
    console.log("no proxy is connected");
    return;
  }
  const types = [...new Set(proxies.flatMap((proxy) => proxy.types.map((type) => type.name)))];
  const rows = proxies.map((proxy) => [
    proxy.proxy,
    proxy.cluster_id,
    ...types.map((name) => proxy.types.find((type) => type.name === name)?.status ?? "IGNORED"),
    proxy.pilot,
    proxy.version,
  ]);
  console.log(table(["NAME", "CLUSTER", ...types, "ISTIOD", "VERSION"], rows));
  for (const { body } of await askPilots<Progress>(options, "/debug/progressz")) console.log(`\n${progressText(body)}`);
  const errors = proxies.flatMap((proxy) => proxy.types.flatMap((type) => (type.error ? [{ proxy, type }] : [])));
  for (const { proxy, type } of errors) console.log(`\n${refusalText(proxy.proxy, type)}`);
  if (errors.length > 0) process.exitCode = 1;
}

/** As pilot's /debug/progressz answers. */
interface Progress {
  readonly replica: string;
  readonly applied_revision: number;
  readonly acked_revision: number;
  readonly laggards: readonly string[];
}

function progressText({ replica, applied_revision: applied, acked_revision: acked, laggards }: Progress): string {
  if (laggards.length === 0) return `${replica}: every proxy has revision ${applied}`;
  return `${replica} serves revision ${applied}, every proxy has ${acked}; behind: ${some(laggards)}`;
}

const listed = 5;

function refusalText(proxy: string, { name, error = "", resources = [], objects = [] }: TypeStatus): string {
  const lines = [`${proxy} refused ${name} ${some(resources)}: ${error}`];
  if (objects.length > 0) lines.push(`  look at ${some(objects)}`);
  return lines.join("\n");
}

function some(names: readonly string[]): string {
  const more = names.length > listed ? ` and ${names.length - listed} more` : "";
  return `${names.slice(0, listed).join(", ")}${more}`;
}
