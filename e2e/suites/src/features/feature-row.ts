import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import {
  destinationRule,
  endpointSlice,
  eventually,
  freePorts,
  gateway,
  type HttpAnswer,
  type HttpRequest,
  type InjectedPod,
  type LateenUp,
  type Link,
  linkOf,
  type MeshWorkload,
  type Name,
  probeTls,
  type SampleAnswer,
  send,
  sendMany,
  talkTcp,
  type TlsProbe,
  type TlsResult,
  virtualService,
} from "@lateen/e2e-harness";
import { CapturedPod } from "./captured-pod.ts";
import { proxyOf } from "./injected-proxy.ts";
import type {
  AgentSpec,
  Asked,
  CapturedSpec,
  Feature,
  FeatureContext,
  MeshAgent,
  MeshProxy,
  PodToInject,
  ProxySpec,
  ServiceSpec,
} from "./feature.ts";
import { type FeatureMesh, meshFile } from "./feature-mesh.ts";

const portsOfARow = 6;
const serviceAddress = 9;

/** A row's name as a part of Kubernetes names: at most 45 characters, whole words. */
export function slugOf(name: string): string {
  const words = name.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  let slug = "";
  for (const word of words) if (`${slug}-${word}`.length <= 45) slug = slug === "" ? word : `${slug}-${word}`;
  return /^[a-z]/.test(slug) ? slug : `row-${slug}`;
}

/** One row on the suite's mesh. */
export class FeatureRow implements FeatureContext {
  readonly feature: Feature;
  readonly slug: string;
  readonly #mesh: FeatureMesh;
  readonly #ports: readonly number[];
  readonly #addresses = new Map<number, string>();

  private constructor(feature: Feature, mesh: FeatureMesh, ports: readonly number[]) {
    this.feature = feature;
    this.slug = slugOf(feature.name);
    this.#mesh = mesh;
    this.#ports = ports;
  }

  static async create(feature: Feature, mesh: FeatureMesh): Promise<FeatureRow> {
    return new FeatureRow(feature, mesh, await freePorts(portsOfARow));
  }

  /** In the folder. With a MeshConfig of its own the row takes the place of the suite's, for one change at a time. */
  get file(): string {
    return this.feature.meshConfig === undefined ? `${this.slug}.yaml` : meshFile;
  }

  get namespace(): string {
    return this.mesh.namespace;
  }

  get mesh(): FeatureMesh["mesh"] {
    return this.#mesh.mesh;
  }

  get host(): string {
    return this.mesh.host(this.slug);
  }

  get publicHost(): string {
    return `${this.slug}.example.com`;
  }

  get port(): number {
    return this.mesh.servicePort;
  }

  ports(index: number): number {
    const port = this.#ports[index];
    if (port === undefined) throw new Error(`a row has ports 0 to ${portsOfARow - 1}`);
    return port;
  }

  address(index: number): string {
    const address = this.#addresses.get(index) ?? this.#mesh.addresses.address();
    this.#addresses.set(index, address);
    return address;
  }

  named(suffix?: string, namespace = this.namespace): Name {
    return { namespace, name: suffix === undefined ? this.slug : `${this.slug}-${suffix}` };
  }

  /** What the folder holds for the row. */
  objects(manifests = this.feature.manifests(this)): readonly object[] {
    const own = this.feature.service === false ? [] : this.service({ to: this.#reviews() });
    return [...own, ...manifests];
  }

  fileWith(name: string, content: string): string {
    const path = this.#mesh.files.join(`${this.slug}-${name}`);
    writeFileSync(path, content);
    return path;
  }

  get state(): string {
    return this.#mesh.plane.state;
  }

  get pilot(): FeatureContext["pilot"] {
    const { ports, access } = this.#mesh.plane;
    return { plaintext: `127.0.0.1:${ports.grpc}`, secure: access.xds };
  }

  async rewrite(manifests: readonly object[]): Promise<void> {
    await this.#mesh.folder.replace(this.file, this.objects(manifests));
  }

  http(...rules: readonly object[]): object {
    return this.virtualService({ hosts: [this.host], http: rules });
  }

  virtualService(spec: object, suffix?: string): object {
    return virtualService(this.named(suffix), spec);
  }

  subsets(more: object = {}): object {
    const subsets = ["v1", "v2", "v3"].map((version) => ({ name: version, labels: { version } }));
    return this.destinationRule({ host: this.host, subsets, ...more });
  }

  destinationRule(spec: object, suffix?: string): object {
    return destinationRule(this.named(suffix), spec);
  }

  gateway(spec: object, suffix?: string): object {
    return gateway(this.named(suffix), spec);
  }

  to(subset?: string, more: object = {}): object {
    return { destination: { host: this.host, ...(subset !== undefined && { subset }) }, ...more };
  }

  service(spec: ServiceSpec): readonly object[] {
    const at = this.named(spec.suffix, spec.namespace);
    const { portName: name = "http", port = this.port, appProtocol, annotations, labels } = spec;
    const clusterIP = spec.clusterIp ?? this.address(serviceAddress);
    const ports = [{ name, port, targetPort: name, ...(appProtocol !== undefined && { appProtocol }) }];
    return [
      {
        ...{ apiVersion: "v1", kind: "Service", metadata: { ...at, annotations, labels } },
        spec: { clusterIP, ports, ...spec.more },
      },
      ...spec.to.map((workload, index) =>
        endpointSlice(
          { ...at, name: `${at.name}-${index}` },
          { service: at.name, portName: name, address: workload.address, port: workload.port, pod: workload.pod },
        ),
      ),
    ];
  }

  workload(app: string, version?: string): MeshWorkload {
    return this.mesh.workload(app, version);
  }

  proxy(app?: string): MeshProxy {
    return this.#mesh.proxy(app);
  }

  gatewayProxy(name?: string): MeshProxy {
    return this.#mesh.gateway(name);
  }

  startProxy(node: ProxySpec): Promise<MeshProxy & AsyncDisposable> {
    const address = this.#mesh.addresses.address();
    return this.#mesh.startProxy({ type: "sidecar", address, namespace: this.namespace, ...node });
  }

  startAgent({ pod, type, labels = {}, config = {}, env = {} }: AgentSpec): Promise<MeshAgent & AsyncDisposable> {
    const workload = {
      ...{ pod, labels, namespace: this.namespace, serviceAccount: pod, address: this.#mesh.addresses.address() },
      agentEnv: { PROXY_CONFIG: JSON.stringify({ terminationDrainDuration: "0s", ...config }), ...env },
    };
    return this.#mesh.startAgent(workload, type);
  }

  async injectPod({ pod, labels, annotations, ...more }: PodToInject): Promise<InjectedPod> {
    const injector = await this.#mesh.injector();
    await injector.settle(more);
    const metadata = { name: pod, namespace: more.namespace ?? this.namespace, labels, annotations };
    const spec = { serviceAccountName: pod, containers: [{ name: "app", image: "example/app:1" }] };
    return await injector.inject({ metadata, spec });
  }

  async startInjected(pod: PodToInject): Promise<MeshAgent & { readonly injected: InjectedPod } & AsyncDisposable> {
    const injected = await this.injectPod(pod);
    const address = this.#mesh.addresses.address();
    const namespace = pod.namespace ?? this.namespace;
    const { type, env } = proxyOf(injected, { pod: pod.pod, namespace, address });
    const workload = {
      ...{ pod: pod.pod, namespace, serviceAccount: pod.pod, address, labels: pod.labels ?? {} },
      agentEnv: { ...env, ...pod.env },
    };
    const running = await this.#mesh.startAgent(workload, type);
    return Object.assign(running, { injected });
  }

  podLink(index: number): Link {
    return linkOf(this.ports(index));
  }

  startPod({ link = 0, ...spec }: CapturedSpec): Promise<CapturedPod> {
    const { namespace, slug } = this;
    const xdsPort = this.#mesh.plane.ports.grpc;
    return CapturedPod.start({ pod: `${slug}-${link}`, namespace, xdsPort, link: this.podLink(link), ...spec });
  }

  ask(asked?: Asked | string): Promise<HttpAnswer> {
    return send(this.#request(asked));
  }

  async answer(asked?: Asked | string): Promise<SampleAnswer> {
    return sampleAnswer(await this.ask(asked));
  }

  async split(count: number, asked?: Asked | string): Promise<Readonly<Record<string, number>>> {
    const versions: Record<string, number> = {};
    for (const one of await this.sendMany(count, asked)) {
      const { version } = sampleAnswer(one);
      versions[version] = (versions[version] ?? 0) + 1;
    }
    return versions;
  }

  sendMany(count: number, asked?: Asked | string): Promise<readonly HttpAnswer[]> {
    const request = this.#request(asked);
    return sendMany(count, () => request);
  }

  askGateway(asked: Asked | string = {}): Promise<HttpAnswer> {
    const port = this.#mesh.gatewayPort;
    return send({ address: "127.0.0.1", port, host: this.publicHost, ...wanted(asked) });
  }

  async answerOfGateway(asked?: Asked | string): Promise<SampleAnswer> {
    return sampleAnswer(await this.askGateway(asked));
  }

  talk(tcp: { port: number; payload?: string; address?: string; from?: string }): Promise<string> {
    return talkTcp({ address: this.proxy(tcp.from).address, payload: "hello", ...tcp });
  }

  probeTls(probe: Omit<TlsProbe, "address" | "payload"> & Partial<TlsProbe>): Promise<TlsResult> {
    const payload = `GET / HTTP/1.1\r\nhost: ${probe.serverName ?? this.publicHost}\r\n\r\n`;
    return probeTls({ address: "127.0.0.1", payload, ...probe });
  }

  async eventually(attempt: () => Promise<unknown>, timeoutMs = 60_000): Promise<void> {
    await eventually(async () => (await attempt()) !== false, { timeoutMs, what: this.feature.name });
  }

  async findings(): Promise<string> {
    const all = await this.#mesh.plane.debug<readonly object[]>("/debug/findingz");
    const found = all.map((one) => JSON.stringify(one)).filter((text) => text.includes(this.slug));
    return [...mistakes(this.#mesh.plane, this.file), ...found].join("\n");
  }

  #request(asked: Asked | string = {}): HttpRequest {
    const { from, ...request } = wanted(asked);
    return { address: this.proxy(from).address, port: this.port, host: `${this.host}:${this.port}`, ...request };
  }

  #reviews(): readonly MeshWorkload[] {
    return this.mesh.workloads.filter(({ app, namespace }) => app === "reviews" && namespace === this.namespace);
  }
}

/** What the plane printed about a file: mistakes with their severity. */
export function mistakes({ process }: LateenUp, file: string): readonly string[] {
  return process.output.split("\n").filter((line) => line.startsWith("wrong ") && line.includes(file));
}

function wanted(asked: Asked | string): Asked {
  return typeof asked === "string" ? { path: asked } : asked;
}

function sampleAnswer({ status, body }: HttpAnswer): SampleAnswer {
  assert.equal(status, 200, body);
  return JSON.parse(body) as SampleAnswer;
}
