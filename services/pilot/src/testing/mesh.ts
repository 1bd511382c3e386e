import { create } from "@bufbuild/protobuf";
import { decodeObject, readDocuments, toConfigObject } from "@lateen/api";
import { createMemoryStore, keys } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import type { EndpointSlice, Service, Workload } from "@lateen/model";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { endpointsToEntry, serviceToEntry, workloadToEntry } from "@lateen/registries";

export interface TestService {
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
  readonly targetPort?: number;
  readonly protocol?: Service["ports"][number]["protocol"];
  /** Addresses of its pods. */
  readonly pods: readonly string[];
}

const registry = "Kubernetes";

/** A store that a test writes as galley-validator would. */
export function createTestMesh(store: MeshStore = createMemoryStore()) {
  return {
    store,

    /** Stores a service, its endpoints and a workload a pod. */
    async service(options: TestService): Promise<bigint> {
      const { name, namespace = "shop" } = options;
      await store.put(keys.service(registry, namespace, name), serviceToEntry(serviceOf(options)));
      for (const [index, address] of options.pods.entries()) {
        await store.put(
          keys.workload(registry, namespace, `${name}-${index}`),
          workloadToEntry(workloadOf(options, index, address)),
        );
      }
      return await this.endpoints(options);
    },

    async endpoints(options: TestService): Promise<bigint> {
      const { name, namespace = "shop" } = options;
      return await store.put(keys.endpoints(registry, namespace, name), endpointsToEntry(sliceOf(options)));
    },

    /** Stores the objects of a manifest; throws when one is not valid. Returns the newest revision. */
    async apply(yaml: string): Promise<bigint> {
      let revision = 0n;
      for (const { raw, origin } of readDocuments(yaml, "test.yaml").documents) {
        const decoded = decodeObject(raw, { origin });
        if (!decoded.ok) throw new Error(decoded.violations.map(({ message }) => message).join("; "));
        const { kind, meta } = decoded.object;
        const entry = create(EntrySchema, {
          schemaVersion: 1,
          value: { case: "config", value: toConfigObject(decoded.object) },
        });
        const written = await store.put(keys.config(kind, meta.namespace, meta.name), entry);
        if (written > revision) revision = written; // an equal object keeps its older revision
      }
      return revision;
    },

    delete: (kind: string, namespace: string, name: string) => store.delete(keys.config(kind, namespace, name)),
  };
}

export type TestMesh = ReturnType<typeof createTestMesh>;

function serviceOf({
  name,
  namespace = "shop",
  port = 80,
  targetPort = 8080,
  protocol = "http",
}: TestService): Service {
  return {
    registry,
    namespace,
    name,
    host: `${name}.${namespace}.svc.cluster.local`,
    addresses: ["10.96.0.10"],
    ports: [{ name: protocol, number: port, protocol, targetPort, targetPortName: "" }],
    labels: {},
    annotations: {},
    selector: { app: name },
    createdAtMs: 0,
    externalName: "",
    headless: false,
    exportTo: [],
    origin: { kind: "Service", namespace, name },
  };
}

function sliceOf({ name, namespace = "shop", targetPort = 8080, protocol = "http", pods }: TestService): EndpointSlice {
  return {
    registry,
    namespace,
    name,
    serviceHost: `${name}.${namespace}.svc.cluster.local`,
    ports: [{ name: protocol, number: targetPort }],
    endpoints: pods.map((address, index) => ({
      addresses: [address],
      ready: true,
      serving: true,
      terminating: false,
      node: "",
      zone: "",
      target: `${name}-${index}`,
      hostname: "",
    })),
  };
}

function workloadOf({ name, namespace = "shop" }: TestService, index: number, address: string): Workload {
  return {
    registry,
    namespace,
    name: `${name}-${index}`,
    addresses: [address],
    labels: { app: name, instance: address },
    serviceAccount: name,
    locality: { region: "", zone: "", subzone: "" },
    node: "",
    network: "",
    cluster: "Kubernetes",
    mutualTls: false,
    ports: {},
    canonicalName: name,
    canonicalRevision: "latest",
    workloadName: name,
  };
}
