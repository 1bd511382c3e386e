import assert from "node:assert/strict";
import type { Feature, FeatureContext } from "./feature.ts";
import { ownProxy, through } from "./own-proxy.ts";

const label = "gateway.networking.k8s.io/gateway-name";

/** A reference to the row's Gateway of the Kubernetes Gateway API, or to another. */
export function target(row: FeatureContext, suffix?: string): object {
  return { group: "gateway.networking.k8s.io", kind: "Gateway", name: row.named(suffix).name };
}

/** A classic Gateway for the pods of the row's, and a rule behind it. */
export function attachable(row: FeatureContext): readonly object[] {
  const port = { number: row.ports(1), name: "http", protocol: "HTTP" };
  return [
    row.gateway({ selector: { row: row.slug }, servers: [{ port, hosts: [row.publicHost] }] }),
    row.virtualService({ hosts: [row.publicHost], gateways: [row.named().name], http: [{ route: [row.to()] }] }),
  ];
}

/**
 * What `x-row` says of an answer through a proxy of the row's Gateway, and of one through a sidecar: it is set only by what
 * the row attaches.
 */
export async function checkAttached(row: FeatureContext, expected: string, also?: CheckMore): Promise<void> {
  const labels = { [label]: row.named().name };
  await using gateway = await ownProxy(row, { type: "router", labels });
  const asked = { port: row.ports(1), host: row.publicHost };
  const answer = await through(row, { address: "127.0.0.1" }, asked);
  assert.deepEqual([answer.status, answer.headers["x-row"]], [200, expected], "at the Gateway");
  const sidecar = await row.ask();
  assert.deepEqual([sidecar.status, sidecar.headers["x-row"]], [200, undefined], "at a sidecar");
  await also?.((path) => through(row, { address: "127.0.0.1" }, { ...asked, path }));
  assert.equal((await gateway.admin.updates()).rejected, 0);
}

type CheckMore = (ask: (path: string) => ReturnType<typeof through>) => Promise<void>;

/** A row of `kind`: one object is attached to the row's Gateway, one to another that nobody is of. */
export function attachedRow(
  kind: string,
  field: "targetRef" | "targetRefs",
  make: (row: FeatureContext, attachment: object, value: string) => object,
): Feature {
  const parts =
    field === "targetRef" ? [] : [`${kind}.targetRefs.group`, `${kind}.targetRefs.kind`, `${kind}.targetRefs.name`];
  return {
    name: `${kind}: ${field} picks the proxies of a Gateway, and no sidecar`,
    fields: [`${kind}.${field}`, ...parts],
    manifests: (row) => {
      const attachment = (suffix?: string): object => {
        const one = target(row, suffix);
        return { [field]: field === "targetRef" ? one : [one] };
      };
      return [...attachable(row), make(row, attachment(), "attached"), make(row, attachment("other"), "to-another")];
    },
    check: (row) => checkAttached(row, "attached"),
  };
}
