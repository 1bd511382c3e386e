import assert from "node:assert/strict";
import { endpointSlice, namespacesMissing, SampleApp, serviceEntry } from "@lateen/e2e-harness";
import type { CapturedPod } from "./captured-pod.ts";
import type { Feature, FeatureContext } from "./feature.ts";

const missing = await namespacesMissing();

/** A server on this machine, at the pod's gateway; it is there with the pod. */
async function serverAt(row: FeatureContext, port: number, version: string): Promise<SampleApp> {
  return await SampleApp.start({ app: "server", version, port, address: row.podLink(0).gateway });
}

/** A TCP service on the row's second port, answered on its first by `serverAt`. */
function tcpEntry(row: FeatureContext, spec: object, suffix?: string): object {
  return serviceEntry(row.named(suffix), {
    hosts: [`${suffix ?? "tcp"}.${row.publicHost}`],
    ports: [{ number: row.ports(1), name: "tcp", protocol: "TCP" }],
    resolution: "STATIC",
    ...spec,
  });
}

function endpointAt(row: FeatureContext, port: number): object {
  return { endpoints: [{ address: row.podLink(0).gateway, ports: { tcp: port } }] };
}

function talkTo(row: FeatureContext, pod: CapturedPod, host: string): Promise<string> {
  return pod.talk({ host, port: row.ports(1), payload: "~hi" });
}

const rows: readonly Feature[] = [
  {
    name: "captured bytes to a range of addresses go to the entry that has it",
    service: false,
    fields: ["ServiceEntry.addresses"],
    manifests: (row) => [
      tcpEntry(row, { addresses: ["203.0.113.0/25"], ...endpointAt(row, row.ports(0)) }, "low"),
      tcpEntry(row, { addresses: ["203.0.113.128/25"], ...endpointAt(row, row.ports(2)) }, "high"),
    ],
    check: async (row) => {
      await using pod = await row.startPod({});
      await using _low = await serverAt(row, row.ports(0), "low");
      await using _high = await serverAt(row, row.ports(2), "high");
      assert.equal(await talkTo(row, pod, "203.0.113.77"), "server-low:~hi");
      assert.equal(await talkTo(row, pod, "203.0.113.177"), "server-high:~hi");
    },
  },
  {
    name: "an entry that resolves nothing sends where the caller was going, to its target port",
    service: false,
    fields: ["ServiceEntry.resolution", "ServiceEntry.ports.targetPort"],
    manifests: (row) => [
      tcpEntry(row, {
        addresses: [`${row.podLink(0).gateway}/32`],
        ports: [{ number: row.ports(1), name: "tcp", protocol: "TCP", targetPort: row.ports(0) }],
        resolution: "NONE",
      }),
    ],
    check: async (row) => {
      await using pod = await row.startPod({});
      await using _server = await serverAt(row, row.ports(0), "v1");
      assert.equal(await talkTo(row, pod, row.podLink(0).gateway), "server-v1:~hi");
    },
  },
  {
    name: "captured bytes to given addresses tell services on one port apart",
    service: false,
    fields: ["ServiceEntry.addresses"],
    manifests: (row) =>
      ["one", "two"].map((suffix, index) => ({
        ...tcpEntry(row, endpointAt(row, row.ports(index * 2)), suffix),
        status: { addresses: [{ host: `${suffix}.${row.publicHost}`, value: `240.240.250.${index + 1}` }] },
      })),
    check: async (row) => {
      await using pod = await row.startPod({ metadata: { DNS_CAPTURE: "true" } });
      await using _one = await serverAt(row, row.ports(0), "one");
      await using _two = await serverAt(row, row.ports(2), "two");
      assert.equal(await talkTo(row, pod, "240.240.250.1"), "server-one:~hi");
      assert.equal(await talkTo(row, pod, "240.240.250.2"), "server-two:~hi");
    },
  },
  {
    name: "a workload of a headless service is reached itself, never another one",
    service: false,
    fields: ["Service.spec.clusterIP"],
    manifests: (row) => {
      const at = row.named();
      const slice = { service: at.name, portName: "tcp", port: row.ports(1) };
      return [
        {
          ...{ apiVersion: "v1", kind: "Service", metadata: at },
          spec: { clusterIP: "None", ports: [{ name: "tcp", port: row.ports(1) }] },
        },
        endpointSlice({ ...at, name: `${at.name}-0` }, { ...slice, address: row.podLink(0).gateway }),
        endpointSlice({ ...at, name: `${at.name}-1` }, { ...slice, address: "203.0.113.9" }), // nobody is there
      ];
    },
    check: async (row) => {
      await using pod = await row.startPod({});
      await using _server = await serverAt(row, row.ports(1), "v1");
      for (let call = 0; call < 6; call++)
        assert.equal(await talkTo(row, pod, row.podLink(0).gateway), "server-v1:~hi");
      assert.match(await pod.admin.configDump(), new RegExp(`${row.podLink(0).gateway}_${row.ports(1)}`));
    },
  },
];

/** What captured calls meet at addresses that no socket can be bound to here. */
export const capturedServiceRows: readonly Feature[] = rows.map((row) =>
  missing === undefined ? row : { ...row, skip: missing },
);
