import type { Cluster } from "./cluster.ts";

/** Names of everything on a cluster: `kind namespace/name`. */
export type Inventory = ReadonlySet<string>;

/** Comes and goes by itself, or says what happened rather than what is. */
const passing = new Set([
  "events",
  "events.events.k8s.io",
  "endpoints",
  "endpointslices.discovery.k8s.io",
  "leases.coordination.k8s.io",
  "componentstatuses",
  "ipaddresses.networking.k8s.io",
  "serviceaccounts",
]);

export async function takeInventory(cluster: Cluster): Promise<Inventory> {
  const kinds = (await cluster.kubectl(["api-resources", "--verbs=list", "-o", "name", "--cached=false"]))
    .split("\n")
    .map((line) => line.trim())
    .filter((kind) => kind !== "" && !passing.has(kind) && !kind.endsWith("metrics.k8s.io"));
  const columns = "custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name";
  const listed = await cluster.kubectl(
    ["get", kinds.join(","), "-A", "--no-headers", "--ignore-not-found", "-o", columns],
    { timeoutMs: 480_000 },
  );
  return new Set(
    listed
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => {
        const [kind = "", namespace = "", name = ""] = line.trim().split(/\s+/);
        return `${kind} ${namespace}/${name}`;
      }),
  );
}

/** What is there now and was not before, but for other people's namespaces that were made meanwhile. */
export function additions(before: Inventory, now: Inventory, ours: readonly string[]): string[] {
  return [...now].filter((each) => {
    if (before.has(each)) return false;
    const [kind = "", path = ""] = each.split(" ");
    const [namespace = "", name = ""] = path.split("/");
    if (kind === "Namespace") return ours.includes(name);
    return namespace === "<none>" || ours.includes(namespace) || before.has(`Namespace <none>/${namespace}`);
  });
}
