import {
  type AgentWorkload,
  adsBootstrap,
  ConfigFolder,
  type Envoy,
  eventually,
  freePort,
  gateway,
  Injector,
  type LateenUp,
  LoopbackBlock,
  LoopbackMesh,
  type MeshWorkload,
  meshConfig,
  type NodeIdentity,
  service,
  Sidecar,
  startEnvoy,
  startLateenUp,
  startSidecars,
  TempDir,
  type WorkloadSpec,
} from "@lateen/e2e-harness";
import type { FeatureMeshSpec, GatewaySpec, MeshAgent, MeshProxy, ProxyPlace } from "./feature.ts";

/** In the folder: the suite's MeshConfig. */
export const meshFile = "mesh.yaml";

const defaultWorkloads: readonly WorkloadSpec[] = [
  { app: "frontend", mutualTls: false },
  ...["v1", "v2", "v3"].map((version) => ({ app: "reviews", version, bare: true })),
];
const defaultGateways: readonly GatewaySpec[] = [{ name: "edge", labels: { istio: "edge" } }];

/** Everything of a suite that stands while its rows run. Programs are there at once, proxies after `start`. Ends on dispose. */
export class FeatureMesh implements AsyncDisposable {
  readonly mesh: LoopbackMesh;
  readonly folder: ConfigFolder;
  /** For files that configuration names. */
  readonly files: TempDir;
  /** Of the gateways' HTTP server for `*.example.com`. */
  readonly gatewayPort: number;
  /** For rows' addresses. */
  readonly addresses: LoopbackBlock;
  readonly #spec: FeatureMeshSpec;
  readonly #owned: AsyncDisposableStack;
  readonly #proxies = new Map<string, MeshProxy>();
  readonly #gateways = new Map<string, MeshProxy>();
  readonly #markAddress: string;
  #plane: LateenUp | undefined;
  #injector: Promise<Injector> | undefined;
  #marks = 0;

  private constructor(
    parts: Pick<FeatureMesh, "mesh" | "folder" | "files" | "addresses" | "gatewayPort">,
    spec: FeatureMeshSpec,
    owned: AsyncDisposableStack,
  ) {
    this.mesh = parts.mesh;
    this.folder = parts.folder;
    this.files = parts.files;
    this.addresses = parts.addresses;
    this.gatewayPort = parts.gatewayPort;
    this.#markAddress = parts.addresses.address();
    this.#spec = spec;
    this.#owned = owned;
  }

  static async create(spec: FeatureMeshSpec): Promise<FeatureMesh> {
    await using owned = new AsyncDisposableStack();
    const mesh = owned.use(await LoopbackMesh.create({ workloads: spec.workloads ?? defaultWorkloads }));
    const addresses = owned.use(await LoopbackBlock.reserve());
    const folder = owned.use(await ConfigFolder.create());
    const files = owned.use(await TempDir.create());
    const gatewayPort = await freePort();
    await folder.write("services.yaml", mesh.manifests());
    await folder.write("gateway.yaml", [publicGateway(mesh.namespace, gatewayPort), ...(spec.manifests?.(mesh) ?? [])]);
    if (spec.meshConfig !== undefined) await folder.write(meshFile, [meshConfig(JSON.stringify(spec.meshConfig))]);
    return new FeatureMesh({ mesh, addresses, folder, files, gatewayPort }, spec, owned.move());
  }

  /** Starts the plane on what the folder holds, then every proxy; resolves when all proxies have all of it. */
  async start(): Promise<void> {
    const { env } = this.#spec;
    this.#plane = this.#owned.use(await startLateenUp({ config: this.folder.path, ...(env && { env }) }));
    const { workloads } = this.mesh;
    const plain = workloads.filter((one) => this.#kindOf(one) === "plain");
    const agents = await startSidecars(
      this.#plane.access,
      workloads.filter((one) => this.#kindOf(one) === "agent"),
    );
    for (const agent of agents) this.#owned.use(agent);
    for (const agent of agents) this.#proxies.set(agent.workload.pod, outputOf(agent, agent.workload.address));
    await Promise.all([
      ...plain.map(async (one) => {
        const node = { type: "sidecar", ...one } as const;
        this.#proxies.set(one.pod, this.#owned.use(await this.startProxy(node)));
      }),
      ...(this.#spec.gateways ?? defaultGateways).map(async (spec) => {
        this.#gateways.set(spec.name, this.#owned.use(await this.#startGateway(spec)));
      }),
    ]);
    await this.settle();
  }

  get plane(): LateenUp {
    if (this.#plane === undefined) throw new Error("the plane has not been started");
    return this.#plane;
  }

  get proxies(): readonly MeshProxy[] {
    return [...this.#proxies.values(), ...this.#gateways.values()];
  }

  /** The proxy of an app's first workload that has one; default the first of all. */
  proxy(app?: string): MeshProxy {
    const workload = this.mesh.workloads.find(
      (one) => this.#kindOf(one) !== "bare" && (app === undefined || one.app === app || one.pod === app),
    );
    return found(this.#proxies, workload?.pod ?? `of ${app ?? "any workload"}`);
  }

  gateway(name?: string): MeshProxy {
    return found(this.#gateways, name ?? [...this.#gateways.keys()][0] ?? "gateway");
  }

  async #startGateway({ name, agent, ...more }: GatewaySpec): Promise<MeshProxy & AsyncDisposable> {
    const node = { address: this.mesh.addresses.address(), pod: `${name}-1`, namespace: this.mesh.namespace, ...more };
    if (agent === undefined) return this.startProxy({ type: "router", ...node });
    const workload = { ...node, serviceAccount: name };
    const running = await Sidecar.start({ workload, access: this.plane.access, type: "router" });
    return ownedProxy(running, node.address);
  }

  /** Started when the first row asks for it. */
  injector(): Promise<Injector> {
    this.#injector ??= Injector.start(this.plane.access).then((injector) => this.#owned.use(injector));
    return this.#injector;
  }

  async startAgent(
    workload: AgentWorkload,
    type: "sidecar" | "router" = "sidecar",
  ): Promise<MeshAgent & AsyncDisposable> {
    const running = await Sidecar.start({ workload, access: this.plane.access, type });
    const { metricsPort: statusPort, readinessPort } = running;
    const proxy = { admin: running.admin, address: workload.address, statusPort, readinessPort };
    return {
      ...proxy,
      get output() {
        return running.output;
      },
      [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
    };
  }

  /** An upstream Envoy with nothing but an ADS bootstrap. */
  async startProxy({ directory, ...node }: NodeIdentity & ProxyPlace): Promise<MeshProxy & AsyncDisposable> {
    const xds = { address: "127.0.0.1", port: this.plane.ports.grpc };
    const protocol = this.#spec.protocol ?? "DELTA_GRPC";
    const bootstrap = adsBootstrap({ node, xds, protocol });
    const envoy = await startEnvoy({ name: node.pod, bootstrap, ...(directory !== undefined && { directory }) });
    return ownedProxy(envoy, node.address);
  }

  /** Does something to the folder and waits until every proxy has acknowledged it and serves it. */
  async settle(change?: () => Promise<void>): Promise<void> {
    await change?.();
    const since = this.#marks;
    await eventually(() => this.#mark(since), { what: "every proxy has what the folder holds" });
    await this.warm();
  }

  /**
   * Changes are applied in the order in which files were saved, so when a Service that is new now is live everywhere, so is
   * all before it: this one, or one from `since` on, whichever is first. False when the plane did not name it: not within
   * the time, or among too many objects to name.
   */
  async #mark(since: number): Promise<boolean> {
    const { namespace, servicePort: port } = this.mesh;
    const name = `settled-${++this.#marks}`;
    const marks = Array.from({ length: this.#marks - since }, (_, index) => since + index + 1);
    await this.folder.replace("settled.yaml", [
      service({ namespace, name }, { clusterIp: this.#markAddress, app: name, port }),
    ]);
    const named = new RegExp(`^live .*/settled-(${marks.join("|")})\\b`, "m");
    return this.plane.process.waitForOutput(named, 1_000).then(
      () => true,
      () => false,
    );
  }

  /** Resolves when no proxy has a cluster or listener that waits for more. */
  async warm(): Promise<void> {
    const waiting = /^(cluster_manager\.warming_clusters|listener_manager\.total_listeners_warming)$/;
    for (const { admin } of this.proxies) {
      const isWarm = async (): Promise<boolean> => [...(await admin.stats(waiting)).values()].every((n) => n === 0);
      await eventually(isWarm, { what: "nothing is warming" });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  #kindOf(workload: MeshWorkload): "bare" | "plain" | "agent" {
    const spec = (this.#spec.workloads ?? defaultWorkloads)[this.mesh.workloads.indexOf(workload)];
    if (spec?.bare === true) return "bare";
    return (spec?.mutualTls ?? true) ? "agent" : "plain";
  }
}

function publicGateway(namespace: string, number: number): object {
  return gateway(
    { namespace, name: "edge" },
    {
      selector: { istio: "edge" },
      servers: [{ port: { number, name: "http", protocol: "HTTP" }, hosts: ["*.example.com"] }],
    },
  );
}

type Running = Pick<Envoy, "admin"> & ({ readonly process: { readonly output: string } } | { readonly output: string });

function ownedProxy(proxy: Running & AsyncDisposable, address: string): MeshProxy & AsyncDisposable {
  return Object.assign(outputOf(proxy, address), { [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() });
}

function outputOf(proxy: Running, address: string): MeshProxy {
  return {
    admin: proxy.admin,
    address,
    get output() {
      return "output" in proxy ? proxy.output : proxy.process.output;
    },
  };
}

function found(proxies: ReadonlyMap<string, MeshProxy>, name: string): MeshProxy {
  const proxy = proxies.get(name);
  if (proxy === undefined) throw new Error(`the suite has no proxy ${name}`);
  return proxy;
}
