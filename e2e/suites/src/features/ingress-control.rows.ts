import assert from "node:assert/strict";
import type { Feature, FeatureContext } from "./feature.ts";
import { at, backend, forHost, ingress, ingressClass, path, status } from "./ingress-gateways.ts";

const classAnnotation = "kubernetes.io/ingress.class";
const istio = { annotations: { [classAnnotation]: "istio" } };
const custom = { annotations: { [classAnnotation]: "custom" } };

/** An Ingress for a host below the row's public one. */
function under(
  row: FeatureContext,
  name: string,
  { className, ...whose }: { readonly className?: string; readonly annotations?: Readonly<Record<string, string>> },
): object {
  const { http } = forHost(row, path("Prefix", "/", backend(row))) as { http: object };
  const rules = [{ host: `${name}.${row.publicHost}`, http }];
  const spec = { ...(className !== undefined && { ingressClassName: className }), rules };
  return ingress(row, spec, { suffix: name, ...whose });
}

/** One of each kind: by annotation, by class, saying nothing, and other controllers'. */
function ofAllKinds(row: FeatureContext): readonly object[] {
  return [
    under(row, "annotated", istio),
    under(row, "custom", custom),
    under(row, "classed", { className: "mesh" }),
    under(row, "silent", {}),
    under(row, "others", { className: "others" }),
    under(row, "unknown", { className: "unknown" }),
  ];
}

/** Those that are served, by name; the rest is answered 404. */
async function served(row: FeatureContext, port = at.http): Promise<readonly string[]> {
  const names = ["annotated", "custom", "classed", "silent", "others", "unknown"];
  const found: string[] = [];
  for (const name of names) {
    const got = await status(row, "/", { host: `${name}.${row.publicHost}`, port });
    assert.ok(got === 200 || got === 404, `${name}: ${got}`);
    if (got === 200) found.push(name);
  }
  return found;
}

async function serves(row: FeatureContext, names: readonly string[], port?: number): Promise<void> {
  await row.eventually(async () => assert.deepEqual(await served(row, port), names));
}

export const ingressControlRows: readonly Feature[] = [
  {
    name: "ingressControllerMode DEFAULT serves Ingresses of the class istio, and of none",
    fields: ["Ingress.ingressClassName", "IngressClass.controller", "MeshConfig.ingressControllerMode"],
    manifests: ofAllKinds,
    check: (row) => serves(row, ["annotated", "classed", "silent", "unknown"]),
  },
  {
    name: "ingressControllerMode STRICT serves Ingresses that name the class",
    alone: true,
    meshConfig: () => ({ ingressControllerMode: "STRICT" }),
    fields: ["MeshConfig.ingressControllerMode"],
    manifests: ofAllKinds,
    check: (row) => serves(row, ["annotated", "classed"]),
  },
  {
    name: "ingressControllerMode OFF serves no Ingress",
    alone: true,
    meshConfig: () => ({ ingressControllerMode: "OFF" }),
    fields: ["MeshConfig.ingressControllerMode"],
    // Without any there is no server, so a Gateway keeps one.
    manifests: (row) => [
      ...ofAllKinds(row),
      row.gateway({
        selector: { istio: "ingressgateway" },
        servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*.example.org"] }],
      }),
    ],
    check: (row) => serves(row, []),
  },
  {
    name: "ingressControllerMode UNSPECIFIED goes by IngressClass alone",
    alone: true,
    meshConfig: () => ({ ingressControllerMode: "UNSPECIFIED" }),
    fields: ["MeshConfig.ingressControllerMode"],
    manifests: ofAllKinds,
    check: (row) => serves(row, ["classed"]),
  },
  {
    name: "ingressClass is the annotation's value that means the mesh",
    alone: true,
    meshConfig: () => ({ ingressClass: "custom" }),
    fields: ["MeshConfig.ingressClass"],
    manifests: ofAllKinds,
    check: (row) => serves(row, ["custom", "classed", "silent", "unknown"]),
  },
  {
    name: "ingressSelector says which gateway serves Ingresses",
    alone: true,
    meshConfig: () => ({ ingressSelector: "second", ingressService: "somewhere-else" }),
    fields: ["MeshConfig.ingressSelector"],
    manifests: ofAllKinds,
    check: async (row) => {
      await serves(row, ["annotated", "classed", "silent", "unknown"], at.secondHttp);
      await row.eventually(() => assert.rejects(served(row), { code: "ECONNREFUSED" }));
    },
  },
  {
    name: "ingressService says it, where ingressSelector does not",
    alone: true,
    meshConfig: () => ({ ingressService: "second" }),
    fields: ["MeshConfig.ingressService"],
    manifests: ofAllKinds,
    check: async (row) => {
      await serves(row, ["annotated", "classed", "silent", "unknown"], at.secondHttp);
      await row.eventually(() => assert.rejects(served(row), { code: "ECONNREFUSED" }));
    },
  },
  {
    name: "the default IngressClass is that of Ingresses which name none",
    alone: true,
    meshConfig: () => ({ ingressControllerMode: "STRICT" }),
    fields: ["Ingress.ingressClassName"],
    manifests: (row) => [
      ingressClass("by-default", "istio.io/ingress-controller", {
        "ingressclass.kubernetes.io/is-default-class": "true",
      }),
      ...ofAllKinds(row),
    ],
    check: (row) => serves(row, ["annotated", "classed", "silent"]),
  },
];
