import { IngressClassSchema, IngressSchema } from "@lateen/protos/kubernetes/networking/v1/ingress_pb.js";
import type { HTTPIngressPath, Ingress, IngressBackend } from "@lateen/protos/kubernetes/networking/v1/ingress_pb.js";
import { ingressClassAnnotation, ingressController } from "../ingress-control.ts";
import type { Cursor } from "../report.ts";
import { isIpAddress } from "../rules/addresses.ts";
import { isDnsLabel, wildcardDomainProblem } from "../rules/hosts.ts";
import { checkPort } from "../rules/values.ts";
import { defineKind } from "./definition.ts";

const kubernetes = {
  group: "networking.k8s.io",
  versions: ["v1"],
  storageVersion: "v1",
  hasCrd: false,
  // Kubernetes may have fields that are newer than this list of them.
  unknownFields: "warning",
} as const;

/**
 * Kubernetes' own kind, held to its own rules only: most clusters have Ingresses of other controllers, too. What of
 * an Ingress this mesh cannot serve is for `unservable` to say, once it is known to be the mesh's.
 */
export const ingress = defineKind({
  ...kubernetes,
  kind: "Ingress",
  plural: "ingresses",
  shortNames: ["ing"],
  schema: IngressSchema,
  check(spec, at, { annotations }) {
    if (spec.rules.length === 0 && spec.defaultBackend === undefined)
      at.at("rules").error("required", "is required, or a defaultBackend");
    if (spec.ingressClassName !== undefined && annotations[ingressClassAnnotation] !== undefined)
      at.at("ingressClassName").warning(
        "conflict",
        `does not count beside the annotation ${ingressClassAnnotation}; remove the annotation`,
      );
    if (spec.defaultBackend !== undefined) checkBackend(spec.defaultBackend, at.at("defaultBackend"));
    for (const [index, { hosts }] of spec.tls.entries())
      for (const [position, host] of hosts.entries()) checkHost(host, at.at("tls", index, "hosts", position));
    for (const [index, rule] of spec.rules.entries()) checkRule(rule, at.at("rules", index));
  },
});

/** Kubernetes' own kind, of no namespace. */
export const ingressClass = defineKind({
  ...kubernetes,
  kind: "IngressClass",
  plural: "ingressclasses",
  shortNames: [],
  scope: "Cluster",
  schema: IngressClassSchema,
  check({ controller, parameters }, at) {
    if (controller === "") at.at("controller").error("required", `is required: ${ingressController} for this mesh`);
    else if (!/^[a-z0-9.-]+\/[\w./-]+$/.test(controller))
      at.at("controller").error(
        "name",
        `${JSON.stringify(controller)} is not a controller's name: a domain, a "/" and a name, as in ${ingressController}`,
      );
    if (parameters !== undefined && controller === ingressController)
      at.at("parameters").warning("no-effect", "has no effect: this controller has no parameters");
  },
});

function checkRule({ host, http }: Ingress["rules"][number], at: Cursor): void {
  if (host !== "") checkHost(host, at.at("host"));
  if (http === undefined) return;
  if (http.paths.length === 0) at.at("http", "paths").error("required", "needs at least one path");
  for (const [index, path] of http.paths.entries()) checkPath(path, at.at("http", "paths", index));
}

function checkHost(host: string, at: Cursor): void {
  if (isIpAddress(host)) at.error("host", `${JSON.stringify(host)} is an address; write a name, or none for all`);
  else if (host !== host.toLowerCase()) at.error("host", `${JSON.stringify(host)} must be in lower case`);
  else if (host.startsWith("*") && !host.startsWith("*."))
    at.error("host", `${JSON.stringify(host)} is not a wildcard; write "*." and a name, or no host for all`);
  else {
    const problem = wildcardDomainProblem(host);
    if (problem !== undefined) at.error("host", problem);
  }
}

const pathTypes = ["Exact", "Prefix", "ImplementationSpecific"];
const impossible = ["//", "/./", "/../", "%2f", "%2F"];

function checkPath({ path, pathType, backend }: HTTPIngressPath, at: Cursor): void {
  if (!pathTypes.includes(pathType))
    at.at("pathType").error(
      pathType === "" ? "required" : "value",
      `${pathType === "" ? "is required" : `${JSON.stringify(pathType)} is not a type of paths`}: ${pathTypes.join(", ")}`,
    );
  const specific = pathType === "ImplementationSpecific";
  if (!path.startsWith("/") && !(specific && path === ""))
    at.at("path").error("path", `${JSON.stringify(path)} must begin with "/"`);
  const part = impossible.find((each) => path.includes(each)) ?? ["/..", "/."].find((each) => path.endsWith(each));
  if (part !== undefined && !specific)
    at.at("path").error("path", `${JSON.stringify(path)} must not hold ${JSON.stringify(part)}`);
  if (backend === undefined) at.at("backend").error("required", "is required: a service with its name and port");
  else checkBackend(backend, at.at("backend"));
}

function checkBackend({ service, resource }: IngressBackend, at: Cursor): void {
  if (service !== undefined && resource !== undefined)
    at.at("resource").error("conflict", "cannot be set beside service; remove one of them");
  if (service === undefined) {
    if (resource === undefined) at.at("service").error("required", "is required: name and port");
    return;
  }
  if (!isDnsLabel(service.name))
    at.at("service", "name").error(
      service.name === "" ? "required" : "name",
      service.name === "" ? "is required" : `${JSON.stringify(service.name)} is not the name of a Service`,
    );
  const { name = "", number = 0 } = service.port ?? {};
  if (name !== "" && number !== 0)
    at.at("service", "port", "name").error("conflict", "cannot be set beside number; remove one of them");
  else if (name === "" && number === 0) at.at("service", "port").error("required", "is required: its name or number");
  else if (name === "") checkPort(number, at.at("service", "port", "number"));
  else if (!isDnsLabel(name))
    at.at("service", "port", "name").error("name", `${JSON.stringify(name)} is not the name of a port`);
}
