import { askPilots, type PilotOptions } from "../pilot-debug.ts";
import { table } from "../table.ts";

/** As pilot's /debug/syncz answers. */
interface SyncStatus {
  readonly proxy: string;
  readonly version: string;
  readonly cluster_id: string;
  readonly types: readonly { readonly name: string; readonly status: string; readonly error?: string }[];
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
    podOf(proxy.proxy),
    proxy.cluster_id,
    proxy.pilot,
    proxy.version,
    ...types.map((name) => proxy.types.find((type) => type.name === name)?.status ?? "-"),
  ]);
  console.log(table(["NAME", "CLUSTER", "PILOT", "VERSION", ...types], rows));
  const errors = proxies.flatMap((proxy) =>
    proxy.types.flatMap(({ name, error }) => (error ? [{ proxy, name, error }] : [])),
  );
  for (const { proxy, name, error } of errors) console.log(`\n${podOf(proxy.proxy)} refused ${name}: ${error}`);
  if (errors.length > 0) process.exitCode = 1;
}

/** `sidecar~10.0.0.1~orders-1.shop~shop.svc.cluster.local` → `orders-1.shop` */
function podOf(proxy: string): string {
  return proxy.split("~")[2] ?? proxy;
}
