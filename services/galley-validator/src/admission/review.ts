import {
  decodeMeshConfigMap,
  decodeMeshNetworksMap,
  decodeObject,
  formatPath,
  isMeshConfigMap,
  resolveKind,
  unservable,
} from "@lateen/api";
import type { DecodeContext, DecodeResult, Ingress } from "@lateen/api";
import type { MeshObject, Violation } from "@lateen/model";
import { isDeepStrictEqual } from "node:util";

/** An admission.k8s.io/v1 AdmissionRequest, as far as it is read. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string };
  readonly namespace: string;
  readonly name: string;
  readonly object: unknown;
  readonly oldObject: unknown;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: {
    readonly code: number;
    readonly reason: string;
    readonly message: string;
    readonly details: object;
  };
  readonly warnings?: readonly string[];
}

export interface Verdict {
  readonly response: AdmissionResponse;
  /** Code of the first error, for metrics. */
  readonly reason?: string;
}

/** Tells the mesh's Ingresses from those of other controllers. */
export interface ServesIngress {
  serves(ingress: MeshObject<Ingress>): boolean;
}

/** The request of an AdmissionReview, or undefined where the body is none. */
export function readReview(body: unknown): AdmissionRequest | undefined {
  const request = isRecord(body) && body["kind"] === "AdmissionReview" ? body["request"] : undefined;
  if (!isRecord(request) || typeof request["uid"] !== "string") return undefined;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const kind = isRecord(request["kind"]) ? request["kind"] : {};
  const resource = isRecord(request["resource"]) ? request["resource"] : {};
  return {
    uid: request["uid"],
    operation: text(request["operation"]),
    kind: { group: text(kind["group"]), version: text(kind["version"]), kind: text(kind["kind"]) },
    resource: {
      group: text(resource["group"]),
      version: text(resource["version"]),
      resource: text(resource["resource"]),
    },
    namespace: text(request["namespace"]),
    name: text(request["name"]),
    object: request["object"],
    oldObject: request["oldObject"],
  };
}

/** Judges one request. What is being deleted may always go; what the mesh does not know is not its business. */
export function review(request: AdmissionRequest, rootNamespace: string, ingresses?: ServesIngress): Verdict {
  const { uid, operation, object, oldObject } = request;
  if (operation === "DELETE" || isGoing(object)) return { response: { uid, allowed: true } };
  const judged = judge(request, rootNamespace);
  const result = ingresses && judged?.ok ? withUnservable(judged, ingresses) : judged;
  if (!result) return { response: { uid, allowed: true } };
  if (result.ok) return { response: { uid, allowed: true, ...warningsOf(result.warnings) } };
  const warnings = warningsOf(result.violations.filter((violation) => violation.severity === "warning"));
  const errors = result.violations.filter((violation) => violation.severity === "error");
  if (operation === "UPDATE" && unchanged(object, oldObject)) {
    const grandfathered = errors.map((violation) => ({
      ...violation,
      message: `${violation.message} (allowed because the spec did not change)`,
    }));
    return {
      response: {
        uid,
        allowed: true,
        ...warningsOf([...grandfathered, ...result.violations.filter((each) => each.severity === "warning")]),
      },
    };
  }
  const reason = errors[0]?.code;
  return {
    response: { uid, allowed: false, status: statusOf(request, errors), ...warnings },
    ...(reason === undefined ? {} : { reason }),
  };
}

function judge({ object, namespace, name, kind }: AdmissionRequest, rootNamespace: string): DecodeResult | undefined {
  const origin = { kind: kind.kind, namespace, name };
  if (kind.kind === "ConfigMap")
    return isMeshConfigMap(object, rootNamespace) ? judgeMesh(object, { origin }) : undefined;
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  if (resolveKind(apiVersion, kind.kind).is === "foreign") return undefined;
  return decodeObject(withName(object, name), { origin, defaultNamespace: namespace || "default" });
}

/** What of an Ingress of the mesh cannot be served is held against it; other controllers may do it. */
function withUnservable(judged: DecodeResult & { readonly ok: true }, ingresses: ServesIngress): DecodeResult {
  if (judged.object.kind !== "Ingress") return judged;
  const object = judged.object as MeshObject<Ingress> & typeof judged.object;
  if (!ingresses.serves(object)) return judged;
  const found = unservable(object.spec).map((each) => ({
    ...each,
    path: formatPath(each.path),
    object: object.origin,
  }));
  const violations = [...judged.warnings, ...found];
  return found.some(({ severity }) => severity === "error")
    ? { ok: false, violations }
    : { ...judged, warnings: violations };
}

/** Both parts of the mesh's ConfigMap. */
function judgeMesh(object: unknown, context: DecodeContext): DecodeResult {
  const mesh = decodeMeshConfigMap(object, context);
  const networks = decodeMeshNetworksMap(object, context);
  if (networks === undefined) return mesh;
  const said = [mesh, networks].flatMap((result) => (result.ok ? result.warnings : result.violations));
  return mesh.ok && networks.ok ? { ...mesh, warnings: said } : { ok: false, violations: said };
}

/** An object with `generateName` has no name yet. */
function withName(object: unknown, name: string): unknown {
  if (!isRecord(object) || !isRecord(object["metadata"]) || object["metadata"]["name"] !== undefined) return object;
  const generated = object["metadata"]["generateName"];
  return {
    ...object,
    metadata: { ...object["metadata"], name: name || (typeof generated === "string" ? `${generated}x` : undefined) },
  };
}

function statusOf(request: AdmissionRequest, errors: readonly Violation[]): NonNullable<AdmissionResponse["status"]> {
  const { kind, namespace, name } = request;
  const lines = errors.map((error) => (error.path === "" ? error.message : `${error.path}: ${error.message}`));
  const message = `${kind.kind} ${namespace}/${name || "(generated name)"} is not valid: ${lines.join("; ")}`;
  const causes = errors.map((error) => ({ field: error.path, message: error.message, reason: "FieldValueInvalid" }));
  return { code: 422, reason: "Invalid", message, details: { name, group: kind.group, kind: kind.kind, causes } };
}

/** kubectl prints each as one line; the API server cuts what is longer than 256 characters. */
function warningsOf(violations: readonly Violation[]): { warnings?: readonly string[] } {
  if (violations.length === 0) return {};
  return {
    warnings: violations
      .map(({ path, message }) => `${path}: ${message}`.replace(/\s+/g, " "))
      .map((line) => (line.length > 256 ? `${line.slice(0, 253)}...` : line)),
  };
}

function isGoing(object: unknown): boolean {
  return (
    isRecord(object) && isRecord(object["metadata"]) && typeof object["metadata"]["deletionTimestamp"] === "string"
  );
}

function unchanged(object: unknown, oldObject: unknown): boolean {
  if (!isRecord(object) || !isRecord(oldObject)) return false;
  return (
    isDeepStrictEqual(object["spec"] ?? {}, oldObject["spec"] ?? {}) &&
    isDeepStrictEqual(object["data"] ?? {}, oldObject["data"] ?? {})
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
