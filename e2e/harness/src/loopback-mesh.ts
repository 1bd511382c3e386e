import { freePort, LoopbackBlock } from "./loopback.ts";
import { endpointSlice, pod, service } from "./manifests.ts";
import { SampleApp, type SampleTls } from "./sample-app.ts";

export interface WorkloadSpec {
  readonly app: string;
  /** Default v1. */
  readonly version?: string;
  /** Speaks mutual TLS: has a node agent; default true. */
  readonly mutualTls?: boolean;
  /** Has no proxy at all: the program listens on the workload's address. Default false; then `mutualTls` is false too. */
  readonly bare?: boolean;
  /** Default the mesh's. */
  readonly namespace?: string;
  /** Added to app and version. */
  readonly labels?: Readonly<Record<string, string>>;
  /** `region/zone/subzone` */
  readonly locality?: string;
  /** The program answers TLS too. */
  readonly tls?: SampleTls;
  /** More settings of its node agent. */
  readonly agentEnv?: Readonly<Record<string, string>>;
}

/** One workload: its proxy listens on an address of its own, its program on 127.0.0.1 and the same port. */
export interface MeshWorkload {
  readonly namespace: string;
  readonly pod: string;
  readonly app: string;
  readonly version: string;
  readonly serviceAccount: string;
  readonly address: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: string;
  readonly agentEnv: Readonly<Record<string, string>>;
  readonly sample: SampleApp;
}

export interface LoopbackMeshOptions {
  /** Default shop. */
  readonly namespace?: string;
  readonly workloads: readonly WorkloadSpec[];
}

/**
 * Workloads on addresses 127.x.y.z with their programs running, and the manifests that describe them to a control
 * plane. The proxies are the test's: node agents or plain Envoys. Programs and addresses end on dispose.
 */
export class LoopbackMesh implements AsyncDisposable {
  readonly namespace: string;
  /** The port all services have; a sidecar's outbound listener has it too, on the sidecar's address. */
  readonly servicePort: number;
  readonly workloads: readonly MeshWorkload[];
  readonly addresses: LoopbackBlock;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    mesh: { namespace: string; servicePort: number; workloads: readonly MeshWorkload[]; addresses: LoopbackBlock },
    owned: AsyncDisposableStack,
  ) {
    this.namespace = mesh.namespace;
    this.servicePort = mesh.servicePort;
    this.workloads = mesh.workloads;
    this.addresses = mesh.addresses;
    this.#owned = owned;
  }

  static async create(options: LoopbackMeshOptions): Promise<LoopbackMesh> {
    await using owned = new AsyncDisposableStack();
    const addresses = owned.use(await LoopbackBlock.reserve());
    const namespace = options.namespace ?? "shop";
    const workloads: MeshWorkload[] = [];
    for (const spec of options.workloads) {
      const workload = describe(spec, namespace, workloads);
      const { app, version } = workload;
      const place = { address: addresses.address(), port: await freePort() };
      const listen = { port: place.port, ...(spec.bare === true && { address: place.address }) };
      const tls = spec.tls && { tls: spec.tls };
      const sample = owned.use(await SampleApp.start({ app, version, ...listen, ...tls }));
      workloads.push({ ...workload, ...place, sample });
    }
    return new LoopbackMesh({ namespace, workloads, addresses, servicePort: await freePort() }, owned.move());
  }

  /** The first workload of an app (and version). Throws when there is none: a mistake of the test. */
  workload(app: string, version?: string): MeshWorkload {
    const found = this.workloads.find((one) => one.app === app && (version === undefined || one.version === version));
    if (found === undefined) throw new Error(`the mesh has no workload ${app} ${version ?? ""}`);
    return found;
  }

  host(app: string): string {
    return `${app}.${this.namespace}.svc.cluster.local`;
  }

  /** `spiffe://cluster.local/ns/shop/sa/reviews` */
  identity(app: string): string {
    return `spiffe://cluster.local/ns/${this.namespace}/sa/${this.workload(app).serviceAccount}`;
  }

  /** Services, pods and slices, as Kubernetes would have them. */
  manifests(): readonly object[] {
    const { servicePort: port } = this;
    const apps = new Map(this.workloads.map(({ namespace, app }) => [`${namespace}/${app}`, { namespace, app }]));
    const services = [...apps.values()].map(({ namespace, app }) =>
      service({ namespace, name: app }, { clusterIp: this.addresses.address(), app, port }),
    );
    const pods = this.workloads.flatMap((one) => [
      pod({ namespace: one.namespace, name: one.pod }, { ...one }),
      endpointSlice(
        { namespace: one.namespace, name: one.pod },
        { service: one.app, pod: one.pod, address: one.address, port: one.port },
      ),
    ]);
    return [...services, ...pods];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

function describe(
  spec: WorkloadSpec,
  meshNamespace: string,
  earlier: readonly MeshWorkload[],
): Omit<MeshWorkload, "address" | "port" | "sample"> {
  const { app, version = "v1", bare = false, mutualTls = !bare, namespace = meshNamespace, locality = "" } = spec;
  const alike = earlier.filter((one) => one.namespace === namespace && one.app === app && one.version === version);
  const labels = {
    ...{ app, version },
    ...(mutualTls && { "security.istio.io/tlsMode": "istio" }),
    ...(locality !== "" && { "istio-locality": locality.replaceAll("/", ".") }),
    ...spec.labels,
  };
  return {
    namespace,
    app,
    version,
    serviceAccount: app,
    labels,
    locality,
    agentEnv: spec.agentEnv ?? {},
    pod: `${app}-${version}-${alike.length + 1}`,
  };
}
