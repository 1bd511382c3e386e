import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:https";
import type { PeerCertificate } from "node:tls";
import { eventually } from "./eventually.ts";
import { FakeKubernetes } from "./fake-kubernetes.ts";
import { mintToken } from "./lateen.ts";
import { freePort } from "./loopback.ts";
import type { MeshAccess } from "./node-agent.ts";
import { ServiceProcess } from "./service-process.ts";
import { TempDir } from "./temp-dir.ts";

const namespace = "istio-system";
/** A namespace whose pods only show what the injector has learned. */
const markNamespace = "marks";

export interface InjectedContainer {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
  readonly lifecycle?: object;
}

/** A pod as the injector gives it back. */
export interface InjectedPod {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly containers: readonly InjectedContainer[];
    readonly initContainers?: readonly InjectedContainer[];
  };
}

export interface PodManifest {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly [field: string]: unknown };
  readonly spec: object;
}

/** What the injector is to find in its cluster. */
export interface ClusterSettings {
  /** MeshConfig. */
  readonly mesh?: {
    readonly defaultConfig?: { readonly proxyMetadata?: object; readonly [field: string]: unknown };
    readonly [field: string]: unknown;
  };
  /** Objects of kind ProxyConfig. */
  readonly proxyConfigs?: readonly object[];
}

/** The injector as a process of its own, in front of a stand-in for its cluster; asked as an API server asks. Ends on dispose. */
export class Injector implements AsyncDisposable {
  readonly #port: number;
  readonly #roots: string;
  readonly #cluster: FakeKubernetes;
  readonly #owned: AsyncDisposableStack;
  #marks = 0;

  private constructor(parts: { port: number; roots: string; cluster: FakeKubernetes }, owned: AsyncDisposableStack) {
    this.#port = parts.port;
    this.#roots = parts.roots;
    this.#cluster = parts.cluster;
    this.#owned = owned;
  }

  static async start(access: MeshAccess): Promise<Injector> {
    await using owned = new AsyncDisposableStack();
    const cluster = owned.use(await FakeKubernetes.start());
    const folder = owned.use(await TempDir.create());
    const token = await mintToken(access.state, { namespace, serviceAccount: "lateen-injector" });
    await writeFile(folder.join("token"), token, { mode: 0o600 });
    const port = await freePort();
    owned.use(
      await ServiceProcess.start({
        name: "injector",
        env: {
          WEBHOOK_PORT: String(port),
          KUBECONFIG: cluster.kubeconfig,
          CA_ADDR: access.ca,
          CA_ROOT_FILE: access.rootFile,
          TOKEN_FILE: folder.join("token"),
          DISCOVERY_ADDRESS: access.xds,
          PROXY_IMAGE: "localhost/lateen/proxy:dev",
          PROXY_IMAGE_TYPES: "debug,distroless",
        },
      }),
    );
    return new Injector({ port, cluster, roots: await readFile(access.rootFile, "utf8") }, owned.move());
  }

  /** Resolves when the injector goes by it. */
  async settle({ mesh = {}, proxyConfigs = [] }: ClusterSettings): Promise<void> {
    const mark = String(++this.#marks);
    const { defaultConfig = {} } = mesh;
    const marked = { ...defaultConfig, proxyMetadata: { ...defaultConfig.proxyMetadata, MESH_MARK: mark } };
    this.#cluster.set("configmaps", [
      {
        metadata: { namespace, name: "istio" },
        data: { mesh: JSON.stringify({ ...mesh, defaultConfig: marked }) },
      },
    ]);
    const last = { metadata: { namespace: markNamespace, name: `mark-${mark}` } };
    const spec = { environmentVariables: { OBJECTS_MARK: mark } };
    this.#cluster.set("proxyconfigs", [...proxyConfigs, { ...last, spec }]);
    const known = async (): Promise<boolean> => {
      const pod = await this.inject({ metadata: { namespace: markNamespace, name: "mark" }, spec: oneContainer });
      const env = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap((one) => one.env ?? []);
      return ["MESH_MARK", "OBJECTS_MARK"].every((name) => env.find((one) => one.name === name)?.value === mark);
    };
    await eventually(known, { what: "the injector goes by what its cluster holds" });
  }

  /** The pod as it comes out of the webhook. */
  async inject(pod: PodManifest): Promise<InjectedPod> {
    const review = {
      ...{ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
      request: { uid: "1", namespace: pod.metadata.namespace, kind: { kind: "Pod" }, object: pod },
    };
    const answer = JSON.parse(await this.#post(JSON.stringify(review))) as Review;
    const { allowed, patch, status } = answer.response;
    if (!allowed || patch === undefined) throw new Error(`the pod is not injected: ${status?.message ?? "skipped"}`);
    const operations = JSON.parse(Buffer.from(patch, "base64").toString()) as readonly Operation[];
    return patched(pod, operations) as InjectedPod;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  #post(body: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const call = request({
      ...{ host: "127.0.0.1", port: this.#port, path: "/inject", method: "POST", ca: this.#roots, agent: false },
      ...{ checkServerIdentity: isInjector, headers: { "content-type": "application/json" } },
      servername: "",
      timeout: 30_000,
    });
    call.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject).on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`the webhook answered ${response.statusCode}: ${text}`));
      });
    });
    call.on("timeout", () => call.destroy(new Error("the webhook does not answer")));
    call.on("error", reject).end(body);
    return promise;
  }
}

/** Outside a cluster its certificate has no DNS name. */
function isInjector(_host: string, { subjectaltname = "" }: PeerCertificate): Error | undefined {
  const id = `URI:spiffe://cluster.local/ns/${namespace}/sa/lateen-injector`;
  return subjectaltname.includes(id) ? undefined : new Error(`the webhook is ${subjectaltname}`);
}

const oneContainer = { containers: [{ name: "app", image: "example/app:1" }] };

interface Review {
  readonly response: {
    readonly allowed: boolean;
    readonly patch?: string;
    readonly status?: { readonly message: string };
  };
}

interface Operation {
  readonly op: "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}

/** RFC 6902, the three operations that a webhook sends. */
function patched(document: object, operations: readonly Operation[]): unknown {
  const result: unknown = structuredClone(document);
  for (const { op, path, value } of operations) {
    const tokens = path.slice(1).split("/");
    const names = tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = names.pop() ?? "";
    const holder = names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], result);
    if (Array.isArray(holder)) {
      if (op === "add") holder.splice(last === "-" ? holder.length : Number(last), 0, value);
      else holder.splice(Number(last), 1, ...(op === "remove" ? [] : [value]));
    } else if (op === "remove") delete (holder as Record<string, unknown>)[last];
    else (holder as Record<string, unknown>)[last] = value;
  }
  return result;
}
