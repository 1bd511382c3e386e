import { setTimeout as sleep } from "node:timers/promises";
import {
  ConfigFolder,
  eventually,
  type HttpAnswer,
  type HttpRequest,
  type LateenUp,
  LoopbackMesh,
  meshConfig,
  type Name,
  type Sidecar,
  send,
  startLateenUp,
  startSidecars,
  telemetry,
} from "@lateen/e2e-harness";
import { subsets } from "./plain-envoy-config.ts";

/**
 * `lateen up`, a frontend and two versions of reviews behind real Envoys with node agents, and `guard`, a program without
 * a proxy that is the external authorizer of the same name. Requests are those of the frontend program.
 */
export class ThreeSidecars implements AsyncDisposable {
  readonly mesh: LoopbackMesh;
  readonly folder: ConfigFolder;
  readonly plane: LateenUp;
  readonly frontend: Sidecar;
  readonly reviewsV1: Sidecar;
  readonly reviewsV2: Sidecar;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    parts: { mesh: LoopbackMesh; folder: ConfigFolder; plane: LateenUp; sidecars: readonly Sidecar[] },
    owned: AsyncDisposableStack,
  ) {
    const [frontend, reviewsV1, reviewsV2] = parts.sidecars as readonly [Sidecar, Sidecar, Sidecar];
    this.mesh = parts.mesh;
    this.folder = parts.folder;
    this.plane = parts.plane;
    this.frontend = frontend;
    this.reviewsV1 = reviewsV1;
    this.reviewsV2 = reviewsV2;
    this.#owned = owned;
  }

  static async start(): Promise<ThreeSidecars> {
    await using owned = new AsyncDisposableStack();
    const apps = [{ app: "frontend" }, { app: "reviews" }, { app: "reviews", version: "v2" }];
    const mesh = owned.use(await LoopbackMesh.create({ workloads: [...apps, { app: "guard", bare: true }] }));
    const folder = owned.use(await ConfigFolder.create());
    await folder.write("services.yaml", mesh.manifests());
    await folder.write("subsets.yaml", [subsets(mesh, "reviews")]);
    await folder.write("mesh.yaml", [meshConfig(`extensionProviders: [${JSON.stringify(guardProvider(mesh))}]`)]);
    const accessLogging = [{ providers: [{ name: "envoy" }] }];
    await folder.write("telemetry.yaml", [
      telemetry({ namespace: "istio-system", name: "default" }, { accessLogging }),
    ]);
    const plane = owned.use(await startLateenUp({ config: folder.path }));
    const sidecars = await startSidecars(plane.access, mesh.workloads.slice(0, apps.length));
    for (const sidecar of sidecars) owned.use(sidecar);
    const started = new ThreeSidecars({ mesh, folder, plane, sidecars }, owned.move());
    try {
      await started.everyAnswerIs(200, () => started.ask("/"));
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  get sidecars(): readonly Sidecar[] {
    return [this.frontend, this.reviewsV1, this.reviewsV2];
  }

  /** A name in the mesh's namespace. */
  named(name: string): Name {
    return { namespace: this.mesh.namespace, name };
  }

  /** As the frontend program sends: into its own proxy, to the service's name. */
  toReviews(path: string): HttpRequest {
    const { namespace, servicePort: port } = this.mesh;
    return { address: this.frontend.workload.address, port, host: `reviews.${namespace}:${port}`, path };
  }

  ask(path: string): Promise<HttpAnswer> {
    return send(this.toReviews(path));
  }

  /** Someone outside the mesh, straight to a proxy of reviews. */
  askPlaintext(path: string): Promise<HttpAnswer> {
    const { address, port } = this.reviewsV1.workload;
    return send({ address, port, host: this.mesh.host("reviews"), path });
  }

  /** Applies manifests for the time of `run`, which begins when `live` holds, and takes them away again. */
  async during(manifests: readonly object[], live: () => Promise<boolean>, run: () => Promise<void>): Promise<void> {
    await this.folder.write("case.yaml", manifests);
    try {
      await eventually(() => steadily(live), { what: "the change is live" });
      await run();
    } finally {
      await this.folder.remove("case.yaml");
      await this.everyAnswerIs(200, () => this.ask("/"));
    }
  }

  /** Waits until a handful of answers have this status: both proxies of reviews take requests in turn. */
  async everyAnswerIs(status: number, request: () => Promise<HttpAnswer>): Promise<void> {
    await eventually(() => steadily(() => areAll(status, request)), { what: `every answer is ${status}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** Whether it holds for longer than Envoy keeps connections of a listener that was replaced: a second. */
async function steadily(holds: () => Promise<boolean>): Promise<boolean> {
  for (let round = 0; round < 6; round += 1) {
    if (!(await holds())) return false;
    await sleep(220);
  }
  return true;
}

/** Whether a handful of answers all have this status. */
export async function areAll(status: number, request: () => Promise<HttpAnswer>): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: 6 }, request));
  return answers.every((answer) => answer.status === status);
}

function guardProvider(mesh: LoopbackMesh): object {
  return { name: "guard", envoyExtAuthzHttp: { service: mesh.host("guard"), port: mesh.servicePort, timeout: "30s" } };
}
