import type {
  ClusterSettings,
  Envoy,
  HttpAnswer,
  HttpRequest,
  InjectedPod,
  Link,
  LoopbackMesh,
  MeshWorkload,
  Name,
  NodeIdentity,
  SampleAnswer,
  SampleTls,
  TlsProbe,
  TlsResult,
  WorkloadSpec,
} from "@lateen/e2e-harness";
import type { CapturedPod, CapturedPodSpec } from "./captured-pod.ts";

/** One row of the feature table: Istio's fields, the configuration that uses them, and what requests show. */
export interface Feature {
  /** A sentence of its own that says what holds: "a regex match on the path routes". */
  readonly name: string;
  /** Paths of Istio's messages that the row shows: `VirtualService.http.match.uri.regex`. */
  readonly fields: readonly string[];
  /** Objects on hosts, names and ports of the row's own, so that all rows are live at once. */
  readonly manifests: (row: FeatureContext) => readonly object[];
  /** Sends real requests (or bytes) and asserts where they land. */
  readonly check: (row: FeatureContext) => Promise<void>;
  /** Applied after the others, checked, and taken away before the next: for what is mesh-wide. */
  readonly alone?: true;
  /** Only with `alone`: merged over the suite's MeshConfig for the time of the row. */
  readonly meshConfig?: (row: FeatureContext) => object;
  /** Default true: the row has a Service `row.host` over the workloads of reviews. */
  readonly service?: false;
  /** Why the row cannot be shown on this machine; then it is skipped by that name. */
  readonly skip?: string;
  /** What the plane has to say of the manifests (warnings, refusals); without it a word of it fails the row. */
  readonly complains?: RegExp;
}

/** What the rows of one suite run on. All of it is real; mutual TLS is off unless a workload asks for it. */
export interface FeatureMeshSpec {
  /** Default: `frontend` behind an Envoy, and reviews v1, v2 and v3 without a proxy. The first with a proxy sends. */
  readonly workloads?: readonly WorkloadSpec[];
  /** Default: one, `edge`, labelled `istio: edge`. */
  readonly gateways?: readonly GatewaySpec[];
  /** Of the whole suite. */
  readonly meshConfig?: object;
  /** Added to what all rows have in common. */
  readonly manifests?: (mesh: LoopbackMesh) => readonly object[];
  /** Of the plane: Istio's switches. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default DELTA_GRPC. */
  readonly protocol?: "GRPC" | "DELTA_GRPC";
  /** A proxy is expected to refuse something: the closing test, that Envoy refused nothing, is left out. */
  readonly refusals?: true;
}

export interface GatewaySpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Default the mesh's. */
  readonly namespace?: string;
  readonly locality?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Has a node agent, so a certificate of the mesh for `spiffe://…/sa/<name>`; `metadata` and `locality` do not count then. */
  readonly agent?: true;
}

/** A running proxy of the suite. */
export interface MeshProxy extends Pick<Envoy, "admin"> {
  /** Its listeners bind here. */
  readonly address: string;
  /** What it wrote so far, with access logs. */
  readonly output: string;
}

/** `from`: the app whose proxy is used; default the first with a proxy. */
export type Asked = Partial<HttpRequest> & { readonly from?: string };

/** What a row has at hand. The same question has the same answer in `manifests` and in `check`. */
export interface FeatureContext {
  /** The row's name as Kubernetes spells names. */
  readonly slug: string;
  readonly namespace: string;
  readonly mesh: LoopbackMesh;
  /** `<slug>.shop.svc.cluster.local` */
  readonly host: string;
  /** `<slug>.example.com`; the gateway `shop/edge` has an HTTP server for `*.example.com`. */
  readonly publicHost: string;
  /** The port of `row.host` and of every Service that `service` makes without another. */
  readonly port: number;
  /** Ports of the row's own, `ports(0)` to `ports(5)`: for servers of Gateways and for Services. */
  ports(index: number): number;
  /** Loopback addresses of the row's own, by index. */
  address(index: number): string;
  /** `<slug>` or `<slug>-<suffix>`, in the mesh's namespace or another. */
  named(suffix?: string, namespace?: string): Name;

  /** VirtualService for `row.host` with these rules, or with any spec. */
  http(...rules: readonly object[]): object;
  virtualService(spec: object, suffix?: string): object;
  /** DestinationRule for `row.host` with subsets v1, v2, v3 and the rest as given. */
  subsets(more?: object): object;
  destinationRule(spec: object, suffix?: string): object;
  gateway(spec: object, suffix?: string): object;
  /** `{ destination: { host: row.host, subset }, ...more }` */
  to(subset?: string, more?: object): object;
  /** A Service with one EndpointSlice for each workload. */
  service(spec: ServiceSpec): readonly object[];

  workload(app: string, version?: string): MeshWorkload;
  proxy(app?: string): MeshProxy;
  gatewayProxy(name?: string): MeshProxy;
  /** One more proxy, for the time of the check: `await using late = await row.startProxy(…)`. */
  startProxy(node: ProxySpec): Promise<MeshProxy & AsyncDisposable>;

  /** One more workload behind a node agent, ready, for the time of the check. */
  startAgent(agent: AgentSpec): Promise<MeshAgent & AsyncDisposable>;
  /** A pod as a real injector gives it back. */
  injectPod(pod: PodToInject): Promise<InjectedPod>;
  /** The same, and its agent and Envoy started as its container says: ready, for the time of the check. */
  startInjected(pod: PodToInject): Promise<MeshAgent & { readonly injected: InjectedPod } & AsyncDisposable>;

  /** As the program beside `from` sends: into its own proxy. Any status is an answer. */
  ask(asked?: Asked | string): Promise<HttpAnswer>;
  /** The same, when 200 is the only right answer. */
  answer(asked?: Asked | string): Promise<SampleAnswer>;
  /** Versions that answered, by count. */
  split(count: number, asked?: Asked | string): Promise<Readonly<Record<string, number>>>;
  sendMany(count: number, asked?: Asked | string): Promise<readonly HttpAnswer[]>;
  /** As a client outside: to the gateway's HTTP port, for `row.publicHost`. */
  askGateway(asked?: Asked | string): Promise<HttpAnswer>;
  answerOfGateway(asked?: Asked | string): Promise<SampleAnswer>;
  /** Bytes to an address and port, default the proxy of `from`; resolves with the first that come back. */
  talk(tcp: { port: number; payload?: string; address?: string; from?: string }): Promise<string>;
  probeTls(probe: Omit<TlsProbe, "address" | "payload"> & Partial<TlsProbe>): Promise<TlsResult>;
  /** A file with this content, for configuration that names files; its path. */
  fileWith(name: string, content: string): string;
  /** Where the plane keeps its CA. */
  readonly state: string;
  /** `host:port` of pilot. */
  readonly pilot: { readonly plaintext: string; readonly secure: string };
  /** Other manifests in place of the row's, for the rest of the check. */
  rewrite(manifests: readonly object[]): Promise<void>;
  /** Addresses of a captured pod of the row's own, before it runs: for manifests. */
  podLink(index: number): Link;
  /** A pod whose traffic is captured, in a network namespace: needs root. For the time of the check. */
  startPod(pod: CapturedSpec): Promise<CapturedPod>;
  /** Repeats until it does not throw and is not false: for what is not there at once. */
  eventually(attempt: () => Promise<unknown>, timeoutMs?: number): Promise<void>;
  /** Findings and mistakes that the plane has about objects of the row, as text. */
  findings(): Promise<string>;
}

export interface ServiceSpec {
  /** Default the row's: `row.host`. Else `<slug>-<suffix>`. */
  readonly suffix?: string;
  readonly namespace?: string;
  readonly port?: number;
  /** Default `http`. The protocol follows from it: `tcp`, `tls-a`, `grpc`. */
  readonly portName?: string;
  readonly appProtocol?: string;
  /** Where it is; default `row.address(9)`. `None` for a headless one. */
  readonly clusterIp?: string;
  readonly to: readonly MeshWorkload[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** More of the Service's `spec`. */
  readonly more?: object;
}

export interface AgentSpec {
  readonly pod: string;
  /** Default sidecar. */
  readonly type?: "sidecar" | "router";
  readonly labels?: Readonly<Record<string, string>>;
  /** Its ProxyConfig, as an injector would write it. */
  readonly config?: object;
  /** More settings of the agent. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What is injected, and what the injector finds in its cluster. */
export interface PodToInject extends ClusterSettings {
  readonly pod: string;
  /** Default the mesh's. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Settings of the machine that this proxy is run on, over the container's: addresses and files. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A proxy with its agent. */
export interface MeshAgent extends MeshProxy {
  /** The agent's status port: on `address`, as the next. */
  readonly statusPort: number;
  readonly readinessPort: number;
}

export type CapturedSpec = Pick<CapturedPodSpec, "labels" | "mode" | "metadata" | "flags"> & { readonly link?: number };
export type ProxySpec = Partial<NodeIdentity> & ProxyPlace & { readonly pod: string };

export interface ProxyPlace {
  /** Where the program runs; default here. */
  readonly directory?: string;
}
export type { MeshWorkload, SampleTls, WorkloadSpec };
