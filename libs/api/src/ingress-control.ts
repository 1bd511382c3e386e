import { compareText } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import type { Ingress, IngressBackend, IngressClass } from "@lateen/protos/kubernetes/networking/v1/ingress_pb.js";
import { MeshConfig_IngressControllerMode as Mode } from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import type { MeshConfig } from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import type { Path } from "./path.ts";

/** Of IngressClasses that mean the mesh's gateway. */
export const ingressController = "istio.io/ingress-controller";
export const ingressClassAnnotation = "kubernetes.io/ingress.class";
const defaultClassAnnotation = "ingressclass.kubernetes.io/is-default-class";

/** What MeshConfig says of Ingresses, with Istio's defaults. */
export interface IngressControl {
  /** `by-class`: only those whose IngressClass is the mesh's. */
  readonly mode: "off" | "by-class" | "strict" | "default";
  /** The annotation's value that means the mesh. */
  readonly className: string;
  /** Gateways' label `istio`. */
  readonly selector: string;
  /** Whose addresses Ingresses get in their status; empty: those of the nodes that gateways are on. */
  readonly service: string;
}

const gatewayService = "istio-ingressgateway";
const modes: Readonly<Record<Mode, IngressControl["mode"]>> = {
  [Mode.UNSPECIFIED]: "by-class",
  [Mode.OFF]: "off",
  [Mode.DEFAULT]: "default",
  [Mode.STRICT]: "strict",
};

/** Without a MeshConfig: Istio's defaults. */
export function ingressControlOf(mesh?: MeshConfig): IngressControl {
  const service = mesh?.ingressService ?? gatewayService;
  return {
    mode: modes[mesh?.ingressControllerMode ?? Mode.STRICT],
    className: mesh?.ingressClass ?? "istio",
    selector: mesh?.ingressSelector || (service === gatewayService ? "" : service) || "ingressgateway",
    service,
  };
}

/**
 * Whether the mesh's gateway serves an Ingress, by its annotation, else by its class, else by the mode.
 * https://github.com/istio/istio/blob/1fcdc6f48719994fd04240c2a872f141c608ed0d/pilot/pkg/config/kube/ingress/virtualservices.go
 */
export function servesIngress(
  { mode, className }: IngressControl,
  { meta, spec }: Pick<MeshObject<Ingress>, "meta" | "spec">,
  classes: readonly MeshObject<IngressClass>[],
): boolean {
  if (mode === "off") return false;
  const annotation = meta.annotations[ingressClassAnnotation];
  if (annotation !== undefined) return mode !== "by-class" && annotation === className;
  const wanted = spec.ingressClassName ?? defaultClassFor(meta.createdAtMs, classes);
  const named = classes.find((each) => each.meta.name === wanted);
  return named === undefined ? mode === "default" : named.spec.controller === ingressController;
}

/** An API server writes the default class into what it creates; where there is none, this does. */
function defaultClassFor(createdAtMs: number, classes: readonly MeshObject<IngressClass>[]): string | undefined {
  if (createdAtMs !== 0) return undefined;
  const defaults = classes.filter(({ meta }) => meta.annotations[defaultClassAnnotation] === "true");
  return defaults.map(({ meta }) => meta.name).sort(compareText)[0];
}

/** Something an Ingress of the mesh asks for and does not get. `path` begins with `spec`. */
export interface Unservable {
  readonly path: Path;
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
}

/** Of an Ingress that the mesh serves: what of it cannot be. */
export function unservable(spec: Ingress): readonly Unservable[] {
  return [
    ...(spec.defaultBackend === undefined ? [] : backendProblems(spec.defaultBackend, ["spec", "defaultBackend"])),
    ...spec.tls.flatMap(({ secretName }, index): readonly Unservable[] =>
      secretName === "" ? [withoutSecret(["spec", "tls", index, "secretName"])] : [],
    ),
    ...spec.rules.flatMap((rule, index) =>
      (rule.http?.paths ?? []).flatMap(({ path, pathType, backend }, position) => {
        const at: Path = ["spec", "rules", index, "http", "paths", position];
        return [
          ...pathProblems(path, pathType, [...at, "path"]),
          ...(backend === undefined ? [] : backendProblems(backend, [...at, "backend"])),
        ];
      }),
    ),
  ];
}

function withoutSecret(path: Path): Unservable {
  const message = "is missing, so there is no TLS for these hosts; name a Secret of the gateway's namespace";
  return { path, severity: "warning", code: "no-secret", message };
}

function backendProblems({ resource }: IngressBackend, at: Path): readonly Unservable[] {
  if (resource === undefined) return [];
  const message = `${resource.kind} ${JSON.stringify(resource.name)} cannot be served, these requests get 503; use a service`;
  return [{ path: [...at, "resource"], severity: "error", code: "not-built", message }];
}

function pathProblems(path: string, pathType: string, at: Path): readonly Unservable[] {
  const written = JSON.stringify(path);
  if (pathType === "Prefix" && /[?#]/.test(path)) {
    const message = `${written} is no beginning of a path, so nothing is served by it; leave out what follows "?" or "#"`;
    return [{ path: at, severity: "error", code: "path", message }];
  }
  const literal = path.replace(/(\/|\.)\*$/, "");
  if (pathType !== "ImplementationSpecific" || path === "*" || !/[*()[\]{}|^$\\+?]/.test(literal)) return [];
  const message = `${written} is compared as it stands: besides "/*" or ".*" at its end nothing has a meaning; for a regular expression use a VirtualService`;
  return [{ path: at, severity: "warning", code: "path", message }];
}
