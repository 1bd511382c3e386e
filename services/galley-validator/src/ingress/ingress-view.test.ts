import { silentLogger } from "@lateen/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readObject } from "../intake/read-object.ts";
import { Ledger } from "../publish/ledger.ts";
import { ingressAddresses, IngressStatuses } from "./ingress-statuses.ts";
import { IngressView } from "./ingress-view.ts";

interface Raw {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string; readonly name: string; readonly creationTimestamp?: string };
}

function setup(): { readonly view: IngressView; put(raw: Raw): boolean; remove(raw: Raw): boolean } {
  const ledger = new Ledger("istio-system");
  const view = new IngressView(ledger, "istio-system");
  const unitOf = ({ kind, metadata }: Raw): string => `${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
  return {
    view,
    put(raw) {
      const origin = { kind: raw.kind, namespace: "", name: raw.metadata.name };
      const intake = readObject({ raw, origin }, { rootNamespace: "istio-system" });
      return view.look(ledger.replace(unitOf(raw), intake).keys);
    },
    remove: (raw) => view.look(ledger.remove(unitOf(raw)).keys),
  };
}

const ingress = (ingressClassName?: string): Raw & Record<string, unknown> => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { namespace: "shop", name: "web", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: { ingressClassName, defaultBackend: { service: { name: "a", port: { number: 80 } } } },
});

const mesh = (text: string): Raw & Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "istio-system", name: "istio" },
  data: { mesh: text },
});

const ofMesh: Raw & Record<string, unknown> = {
  apiVersion: "networking.k8s.io/v1",
  kind: "IngressClass",
  metadata: { name: "mesh" },
  spec: { controller: "istio.io/ingress-controller" },
};

function service(namespace: string, name: string, ip: string): Raw & Record<string, unknown> {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name },
    spec: { clusterIP: "10.0.0.1", selector: { istio: "ingressgateway" }, ports: [{ port: 80 }] },
    status: { loadBalancer: { ingress: [{ ip }] } },
  };
}

test("an Ingress is the mesh's by its class, or by the mode", () => {
  const { view, put, remove } = setup();
  assert.equal(put(ingress("mesh")), true);
  assert.equal(view.served().size, 0);
  put(ofMesh);
  assert.equal(view.served().size, 1);
  put(mesh("ingressControllerMode: OFF"));
  assert.equal(view.served().size, 0);
  put(mesh("ingressControllerMode: DEFAULT"));
  remove(ofMesh);
  assert.equal(view.served().size, 1, "a class that is not there says nothing");
  remove(ingress());
  assert.equal(view.served().size, 0);
});

test("its address is the gateway's Service's: the named one, in the root namespace first", () => {
  const { view, put } = setup();
  assert.deepEqual(view.addresses(), []);
  put(service("edge", "istio-ingressgateway", "192.0.2.2"));
  assert.deepEqual(view.addresses(), ["192.0.2.2"]);
  put(service("istio-system", "istio-ingressgateway", "192.0.2.1"));
  assert.deepEqual(view.addresses(), ["192.0.2.1"]);
  put(service("istio-system", "other", "192.0.2.3"));
  put(mesh("ingressService: other"));
  assert.deepEqual(view.addresses(), ["192.0.2.3"]);
  put(mesh("ingressService: ''"));
  assert.deepEqual(view.addresses(), ["192.0.2.1"], "by the gateway's label");
  assert.deepEqual(ingressAddresses(["b.com", "192.0.2.2", "192.0.2.1"]), [
    { ip: "192.0.2.1" },
    { ip: "192.0.2.2" },
    { hostname: "b.com" },
  ]);
});

test("only statuses that say something else are written, and taken back when the mesh serves them no more", async () => {
  const { view, put } = setup();
  const written: unknown[] = [];
  const client = { patch: async (_type: unknown, _ref: unknown, body: unknown) => void written.push(body) };
  const statuses = new IngressStatuses(client as never, view, silentLogger());
  put(ofMesh);
  put(service("istio-system", "istio-ingressgateway", "192.0.2.1"));
  put(ingress("mesh"));
  statuses.seen(ingress("mesh") as never);
  const stop = new AbortController();
  const run = statuses.run(stop.signal);
  const until = async (count: number): Promise<void> => {
    while (written.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await until(1);
  assert.deepEqual(written, [{ status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } }]);
  statuses.seen({ ...ingress("mesh"), status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } } as never);
  put(ingress("others"));
  statuses.changed();
  await until(2);
  assert.deepEqual(written[1], { status: { loadBalancer: { ingress: [] } } }, "nothing else was written in between");
  stop.abort();
  await run;
});
