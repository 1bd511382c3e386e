import assert from "node:assert/strict";
import { talkTcp, SampleApp } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";

/** A workload with an address of each family behind a Service with an address of each family, on the row's first port. */
function bothFamilies(row: FeatureContext): readonly object[] {
  const at = row.named();
  const [v4, port] = [row.address(2), row.ports(0)];
  const slices = [
    { addressType: "IPv4", address: v4 },
    { addressType: "IPv6", address: "::1" },
  ];
  return [
    {
      ...{ apiVersion: "v1", kind: "Service", metadata: at },
      spec: { clusterIP: row.address(1), clusterIPs: [row.address(1), "::1"], ports: [{ name: "tcp", port }] },
    },
    {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { ...at, labels: { app: row.slug } } },
      spec: { serviceAccountName: "default", containers: [] },
      status: { phase: "Running", podIP: v4, podIPs: [{ ip: v4 }, { ip: "::1" }] },
    },
    ...slices.map(({ addressType, address }) => ({
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType },
      metadata: {
        ...at,
        name: `${at.name}-${addressType.toLowerCase()}`,
        labels: { "kubernetes.io/service-name": at.name },
      },
      ports: [{ name: "tcp", port: row.ports(1) }],
      endpoints: [{ addresses: [address], conditions: { ready: true }, targetRef: { kind: "Pod", ...at } }],
    })),
  ];
}

export const dualStackRows: readonly Feature[] = [
  {
    name: "a Service is called at either of its addresses, and its workload at whichever answers",
    service: false,
    fields: ["Service.spec.clusterIPs"],
    manifests: bothFamilies,
    check: async (row) => {
      const address = row.address(3);
      await using _proxy = await row.startProxy({
        pod: `${row.slug}-caller`,
        address,
        metadata: { INSTANCE_IPS: `${address},::1` },
      });
      const call = (to: string): Promise<string> => talkTcp({ address: to, port: row.ports(0), payload: "~hi" });
      {
        await using _v6 = await SampleApp.start({ app: "only", version: "v6", port: row.ports(1), address: "::1" });
        await row.eventually(async () => assert.equal(await call("::1"), "only-v6:~hi"));
        assert.equal(await call(row.address(1)), "only-v6:~hi");
      }
      await using _v4 = await SampleApp.start({
        app: "only",
        version: "v4",
        port: row.ports(1),
        address: row.address(2),
      });
      await row.eventually(async () => assert.equal(await call("::1"), "only-v4:~hi"));
    },
  },
];
