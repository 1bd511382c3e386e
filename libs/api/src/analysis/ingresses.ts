import type { Finding, MeshObject } from "@lateen/model";
import type { Ingress, IngressBackend, IngressClass } from "@lateen/protos/kubernetes/networking/v1/ingress_pb.js";
import type { MeshConfig } from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import { ingressControlOf, servesIngress, unservable } from "../ingress-control.ts";
import { formatPath } from "../path.ts";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

/** Of Ingresses that the mesh serves; those of other controllers are theirs. */
export function analyzeIngresses(world: World): Finding[] {
  const [mesh] = world.of<MeshConfig>("MeshConfig").filter(({ meta }) => meta.namespace === world.rootNamespace);
  const control = ingressControlOf(mesh?.spec);
  const classes = world.of<IngressClass>("IngressClass");
  return world
    .of<Ingress>("Ingress")
    .filter((ingress) => servesIngress(control, ingress, classes))
    .flatMap((ingress) => [
      ...unservable(ingress.spec).map(({ severity, path, message }) =>
        finding(
          refOf(ingress),
          severity,
          severity === "error" ? "IST0106" : "IST0133",
          `${formatPath(path)}: ${message}`,
        ),
      ),
      ...backendsOf(ingress).flatMap((place) => analyzeBackend(ingress, place, world)),
    ]);
}

interface Place {
  readonly path: string;
  readonly backend: IngressBackend;
}

function backendsOf({ spec }: MeshObject<Ingress>): Place[] {
  const own = spec.defaultBackend === undefined ? [] : [{ path: "spec.defaultBackend", backend: spec.defaultBackend }];
  const ofRules = spec.rules.flatMap(({ http }, index) =>
    (http?.paths ?? []).flatMap(({ backend }, at) =>
      backend === undefined ? [] : [{ path: `spec.rules[${index}].http.paths[${at}].backend`, backend }],
    ),
  );
  return [...own, ...ofRules];
}

function analyzeBackend(ingress: MeshObject<Ingress>, { path, backend }: Place, world: World): Finding[] {
  const { name, port } = backend.service ?? {};
  if (name === undefined) return [];
  const service = world.input.services?.find((each) => each.name === name && each.namespace === ingress.meta.namespace);
  const say = (field: string, message: string): Finding =>
    finding(refOf(ingress), "error", "IST0101", `${path}.service.${field}: ${message}`);
  if (service === undefined)
    return [say("name", `there is no Service ${ingress.meta.namespace}/${name}; create it or correct the name`)];
  const known = service.ports.some((each) => (port?.name ? each.name === port.name : each.number === port?.number));
  const ports = service.ports.map((each) => `${each.name} (${each.number})`).join(", ");
  return known ? [] : [say("port", `${JSON.stringify(port?.name || port?.number)} is no port of it; it has ${ports}`)];
}
