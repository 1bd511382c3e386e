import assert from "node:assert/strict";
import { assertShare, pod } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { at, policy, versions } from "./traffic-policy-parts.ts";

interface Conditions {
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}

interface SliceEndpoint extends Conditions {
  readonly address: string;
  /** A pod of the row's own, by suffix. */
  readonly pod?: string;
}

/** One more slice of the Service of that suffix. */
function slice(
  row: FeatureContext,
  { suffix, port, name = "own" }: { readonly suffix: string; readonly port: number; readonly name?: string },
  endpoints: readonly SliceEndpoint[],
): object {
  const at = row.named(suffix);
  return {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
    metadata: { ...row.named(`${suffix}-${name}`), labels: { "kubernetes.io/service-name": at.name } },
    ports: [{ name: "http", port }],
    endpoints: endpoints.map(({ address, pod: target, ...conditions }) => ({
      addresses: [address],
      conditions,
      ...(target !== undefined && {
        targetRef: { kind: "Pod", name: row.named(target).name, namespace: at.namespace },
      }),
    })),
  };
}

function podAt(row: FeatureContext, suffix: string, address: string, labels: object): object {
  return pod(row.named(suffix), { labels: { ...labels }, serviceAccount: "default", address, port: 1 });
}

const starting = { ready: false, serving: false, terminating: false };
const leaving = { ready: false, serving: true, terminating: true };

/** In the caller's place one endpoint that serves and four of these, in the next one v2. */
function crowded(row: FeatureContext, suffix: string, own: Conditions, minHealthPercent = 0): readonly object[] {
  const near = row.workload("reviews", "v1");
  const names = [0, 1, 2, 3].map((index) => ({ index, name: `${suffix}-${index}` }));
  return [
    ...row.service({ suffix, to: versions(row, "v1", "v2") }),
    ...names.map(({ index, name }) =>
      podAt(row, name, row.address(index), { "istio-locality": near.labels["istio-locality"] }),
    ),
    slice(
      row,
      { suffix, port: near.port },
      names.map(({ index, name }) => ({ address: row.address(index), pod: name, ...own })),
    ),
    policy(row, { outlierDetection: { consecutive5xxErrors: 100, minHealthPercent } }, suffix),
  ];
}

/** A Service over v1 and v2, whose endpoints have these conditions. */
function pair(row: FeatureContext, v1: Conditions, v2: Conditions): readonly object[] {
  const [one, two] = [row.workload("reviews", "v1"), row.workload("reviews", "v2")];
  return [
    ...row.service({ suffix: "pair", to: [] }),
    slice(row, { suffix: "pair", port: one.port, name: "v1" }, [{ address: one.address, ...v1 }]),
    slice(row, { suffix: "pair", port: two.port, name: "v2" }, [{ address: two.address, ...v2 }]),
  ];
}

/** v1, and v2 as a pod of the row's own with these labels. */
function withPod(row: FeatureContext, labels: object): readonly object[] {
  const { address, port } = row.workload("reviews", "v2");
  return [
    ...row.service({ suffix: "drained", to: versions(row, "v1") }),
    podAt(row, "two", address, labels),
    slice(row, { suffix: "drained", port }, [{ address, pod: "two", ready: true }]),
  ];
}

async function onlyFrom(row: FeatureContext, suffix: string, ...wanted: readonly string[]): Promise<void> {
  await row.eventually(async () => {
    assert.deepEqual(Object.keys(await row.split(60, at(row, suffix))).sort(), wanted);
  }, 30_000);
}

/** Of no message's fields: what Kubernetes says of endpoints, and how Envoy takes it. */
export const readinessRows: readonly Feature[] = [
  {
    name: "a place hands on as many requests as its unready endpoints would get",
    fields: ["DestinationRule.trafficPolicy.outlierDetection.minHealthPercent"],
    service: false,
    manifests: (row) => [
      ...crowded(row, "crowded", starting),
      ...crowded(row, "panicking", starting, 1),
      ...crowded(row, "leaving", leaving),
    ],
    check: async (row) => {
      const found = await row.split(400, at(row, "crowded"));
      assert.deepEqual(Object.keys(found).sort(), ["v1", "v2"]);
      // Envoy overprovisions by 1.4: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/overprovisioning
      assertShare(found["v1"] ?? 0, 400, 0.2 * 1.4);
      await onlyFrom(row, "panicking", "v1");
      await onlyFrom(row, "leaving", "v1");
    },
  },
  {
    name: "an endpoint gets requests while it is ready, and a Service without one answers 503",
    fields: ["DestinationRule.trafficPolicy.outlierDetection"],
    service: false,
    manifests: (row) => pair(row, { ready: true }, starting),
    check: async (row) => {
      await onlyFrom(row, "pair", "v1");
      await row.rewrite(pair(row, starting, { ready: true }));
      await onlyFrom(row, "pair", "v2");
      await row.rewrite(pair(row, starting, starting));
      await row.eventually(async () => {
        const { status, body } = await row.ask(at(row, "pair"));
        assert.deepEqual({ status, body }, { status: 503, body: "no healthy upstream" });
      });
      await row.rewrite(pair(row, { ready: true }, { ready: true }));
      await onlyFrom(row, "pair", "v1", "v2");
    },
  },
  {
    name: "a pod labelled istio.io/draining gets no more requests",
    fields: ["DestinationRule.trafficPolicy.outlierDetection"],
    service: false,
    manifests: (row) => withPod(row, {}),
    check: async (row) => {
      await onlyFrom(row, "drained", "v1", "v2");
      await row.rewrite(withPod(row, { "istio.io/draining": "true" }));
      await onlyFrom(row, "drained", "v1");
    },
  },
];
