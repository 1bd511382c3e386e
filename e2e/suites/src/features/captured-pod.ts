import {
  adsBootstrap,
  type EnvoyAdmin,
  eventually,
  type Link,
  NetworkNamespace,
  type RunningProcess,
  startEnvoy,
} from "@lateen/e2e-harness";

export interface CapturedPodSpec {
  readonly pod: string;
  readonly namespace: string;
  readonly link: Link;
  /** Pilot's plaintext port on 127.0.0.1. */
  readonly xdsPort: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** Default REDIRECT. */
  readonly mode?: "REDIRECT" | "TPROXY";
  readonly metadata?: Readonly<Record<string, string>>;
  /** More flags of `lateen-init`. */
  readonly flags?: readonly string[];
}

/** What a program in the pod got for a request. */
export interface InsideAnswer {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of an answer: `ECONNRESET`. */
  readonly error?: string;
}

const adminPort = 15_000;
const proxyGroup = "1337";

const asking = `const o = JSON.parse(process.argv[1]);
const r = require("node:http").request({ agent: false, ...o }, (a) => {
  let body = ""; a.on("data", (d) => (body += d));
  a.on("end", () => console.log(JSON.stringify({ status: a.statusCode, headers: a.headers, body })));
});
r.setTimeout(30000, () => r.destroy(new Error("timeout")));
r.on("error", (e) => console.log(JSON.stringify({ error: e.code ?? e.message })));
r.end();`;

const talking = `const o = JSON.parse(process.argv[1]);
const s = require("node:net").connect(o.port, o.host, () => o.payload && s.write(o.payload));
s.setTimeout(30000, () => { console.log("timeout"); s.destroy(); });
s.once("data", (d) => { console.log(String(d)); s.destroy(); });
s.on("end", () => console.log("closed")); s.on("error", (e) => console.log(e.code)); `;

const answering = `const o = JSON.parse(process.argv[1]);
require("node:http").createServer((q, a) => a.end(JSON.stringify({ name: o.name, from: q.socket.remoteAddress, headers: q.headers })))
  .listen(o.port, o.address, () => console.log("listening"));`;

const greeting = `const o = JSON.parse(process.argv[1]);
require("node:net").createServer((s) => { s.on("error", () => s.destroy()); s.write("hello, " + s.remoteAddress); })
  .listen(o.port, o.address, () => console.log("listening"));`;

/** A pod in a network namespace: its traffic is captured by `lateen-init`, as in a cluster, for an upstream Envoy. */
export class CapturedPod implements AsyncDisposable {
  readonly net: NetworkNamespace;
  readonly admin: EnvoyAdmin;
  readonly #owned: AsyncDisposableStack;

  private constructor(net: NetworkNamespace, admin: EnvoyAdmin, owned: AsyncDisposableStack) {
    this.net = net;
    this.admin = admin;
    this.#owned = owned;
  }

  static async start(spec: CapturedPodSpec): Promise<CapturedPod> {
    await using owned = new AsyncDisposableStack();
    const { pod, namespace, labels = {}, mode = "REDIRECT", flags = [] } = spec;
    const net = owned.use(await NetworkNamespace.create(spec.link));
    await net.capture(["-m", mode, "-d", String(adminPort), ...flags]);
    const metadata = { INTERCEPTION_MODE: mode, ...spec.metadata };
    const node = { type: "sidecar", address: net.address, pod, namespace, labels, metadata } as const;
    const xds = { address: net.gateway, port: await net.forward(spec.xdsPort) };
    const admin = { address: { socket_address: { address: net.address, port_value: adminPort } } };
    const envoy = owned.use(
      await startEnvoy({
        name: pod,
        bootstrap: { ...adsBootstrap({ node, xds, protocol: "DELTA_GRPC" }), admin },
        prefix: [...net.prefix, "setpriv", "--regid", proxyGroup, "--clear-groups"],
      }),
    );
    const listening = async (): Promise<boolean> => (await envoy.admin.listeners()).length > 1;
    await eventually(listening, { what: "the captured pod's proxy listens" });
    return new CapturedPod(net, envoy.admin, owned.move());
  }

  /** As a program in the pod. */
  async ask(to: { host: string; port: number; path?: string; headers?: object }): Promise<InsideAnswer> {
    return JSON.parse(await this.#node(asking, to)) as InsideAnswer;
  }

  /** The first bytes that come back, or `closed`, `timeout`, an error's code. */
  async talk(to: { host: string; port: number; payload?: string }): Promise<string> {
    return (await this.#node(talking, to)).trim();
  }

  /** A program that answers HTTP with its caller's address, on all addresses or one. */
  serve(at: { name: string; port: number; address?: string }): Promise<RunningProcess> {
    return this.#program(answering, at);
  }

  /** A program that speaks first. */
  greet(at: { name: string; port: number }): Promise<RunningProcess> {
    return this.#program(greeting, at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  #node(script: string, argument: object): Promise<string> {
    return this.net.exec(process.execPath, ["-e", script, JSON.stringify(argument)]);
  }

  async #program(script: string, at: { name: string }): Promise<RunningProcess> {
    const args = ["-e", script, JSON.stringify(at)];
    const started = await this.net.start({ name: at.name, command: process.execPath, args });
    await started.waitForOutput(/listening/);
    return started;
  }
}
