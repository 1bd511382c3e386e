import { freePorts } from "@lateen/e2e-harness";
import type { FeatureContext, FeatureMeshSpec } from "./feature.ts";

const [http = 0, https = 0, secondHttp = 0] = await freePorts(3);

/** Where the gateways are found: Ingresses are served on ports 80 and 443 of a Service, which are others on the machine. */
export const at = { http, https, secondHttp };

/** Labelled as Istio's ingress gateway is; `second` as MeshConfig may say. */
export const gateways = ["ingressgateway", "second"].map((name) => ({ name, labels: { istio: name } }));

export const ingressMesh: FeatureMeshSpec = {
  gateways,
  meshConfig: { ingressControllerMode: "DEFAULT" },
  manifests: ({ namespace }) => [
    front(namespace, "ingressgateway", { 80: http, 443: https }),
    front(namespace, "second", { 80: secondHttp }),
    ingressClass("mesh", "istio.io/ingress-controller"),
    ingressClass("others", "example.com/ingress"),
  ],
};

function front(namespace: string, istio: string, ports: Readonly<Record<number, number>>): object {
  const mapped = Object.entries(ports).map(([port, targetPort]) => ({
    ...{ name: `http-${port}`, port: Number(port), targetPort },
  }));
  const spec = { clusterIP: "None", selector: { istio }, ports: mapped };
  return { apiVersion: "v1", kind: "Service", metadata: { namespace, name: istio }, spec };
}

export function ingressClass(name: string, controller: string, annotations = {}): object {
  const metadata = { name, annotations };
  return { apiVersion: "networking.k8s.io/v1", kind: "IngressClass", metadata, spec: { controller } };
}

interface Whose {
  readonly suffix?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly createdAt?: string;
}

export function ingress(row: FeatureContext, spec: object, { suffix, annotations, createdAt }: Whose = {}): object {
  const metadata = { ...row.named(suffix), annotations, creationTimestamp: createdAt };
  return { apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata, spec };
}

/** The row's Service, or the one with that suffix. */
export function backend(row: FeatureContext, suffix?: string, port: object = { number: row.port }): object {
  return { service: { name: row.named(suffix).name, port } };
}

export function path(pathType: string, written: string, to: object): object {
  return { path: written, pathType, backend: to };
}

/** Paths for the row's public host. */
export function forHost(row: FeatureContext, ...paths: readonly object[]): object {
  return { host: row.publicHost, http: { paths } };
}

export async function status(
  row: FeatureContext,
  asked: string,
  { host = row.publicHost, port = at.http } = {},
): Promise<number> {
  return (await row.askGateway({ path: asked, host, port })).status;
}

export async function version(
  row: FeatureContext,
  asked: string,
  { host = row.publicHost, port = at.http } = {},
): Promise<string> {
  return (await row.answerOfGateway({ path: asked, host, port })).version;
}
