import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TempDir } from "./temp-dir.ts";

interface KubernetesObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** As much of an API server as a service that lists and watches needs: kinds by plural, no selectors, no writes. */
export class FakeKubernetes implements AsyncDisposable {
  /** KUBECONFIG for whoever is to talk to it. */
  readonly kubeconfig: string;
  readonly #server: Server;
  readonly #directory: TempDir;
  readonly #objects = new Map<string, Map<string, KubernetesObject>>();
  readonly #watches = new Map<string, Set<ServerResponse>>();
  #version = 1;

  private constructor(server: Server, directory: TempDir) {
    this.#server = server;
    this.#directory = directory;
    this.kubeconfig = directory.join("kubeconfig");
  }

  static async start(): Promise<FakeKubernetes> {
    await using owned = new AsyncDisposableStack();
    const directory = owned.use(await TempDir.create());
    const server = createServer();
    const fake = new FakeKubernetes(server, directory);
    server.on("request", ({ url = "/" }, response) => fake.#answer(new URL(url, "http://localhost"), response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const config = {
      ...{ apiVersion: "v1", kind: "Config", "current-context": "fake", users: [{ name: "fake", user: {} }] },
      clusters: [{ name: "fake", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      contexts: [{ name: "fake", context: { cluster: "fake", user: "fake" } }],
    };
    await writeFile(fake.kubeconfig, JSON.stringify(config));
    owned.move();
    return fake;
  }

  /** All objects of a kind from now on; who watches is told in this order. */
  set(plural: string, objects: readonly object[]): void {
    const before = this.#objects.get(plural) ?? new Map<string, KubernetesObject>();
    const after = new Map(objects.map((object) => [nameOf(object as KubernetesObject), object as KubernetesObject]));
    for (const [name, object] of before) if (!after.has(name)) this.#tell(plural, "DELETED", object);
    for (const [name, object] of after) this.#tell(plural, before.has(name) ? "MODIFIED" : "ADDED", object);
    this.#objects.set(plural, after);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#directory[Symbol.asyncDispose]();
  }

  #tell(plural: string, type: string, object: KubernetesObject): void {
    this.#version += 1;
    const line = JSON.stringify({ type, object: this.#versioned(object) });
    for (const watch of this.#watches.get(plural) ?? []) watch.write(`${line}\n`);
  }

  #answer({ pathname, searchParams }: URL, response: ServerResponse): void {
    if (pathname === "/version") {
      json(response, { major: "1", minor: "30" });
      return;
    }
    const plural = pathname.split("/").at(-1) ?? "";
    if (searchParams.get("watch") === "true") {
      const watches = this.#watches.get(plural) ?? new Set();
      this.#watches.set(plural, watches.add(response));
      response.on("close", () => watches.delete(response));
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      return;
    }
    const items = [...(this.#objects.get(plural)?.values() ?? [])].map((object) => this.#versioned(object));
    json(response, { kind: "List", metadata: { resourceVersion: String(this.#version) }, items });
  }

  #versioned({ metadata, ...object }: KubernetesObject): object {
    return { ...object, metadata: { ...metadata, resourceVersion: String(this.#version) } };
  }
}

function nameOf({ metadata }: KubernetesObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}
