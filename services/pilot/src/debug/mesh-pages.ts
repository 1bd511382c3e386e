import { kindOf } from "@lateen/api";
import type { Message } from "@bufbuild/protobuf";
import type { MeshSnapshot } from "@lateen/compiler";
import { messageJson, plainJson } from "./json.ts";

/** Addresses by service and port. */
export function endpointz({ state }: MeshSnapshot): unknown {
  const slices = [...state.slices].sort((a, b) => (a.serviceHost < b.serviceHost ? -1 : 1));
  return plainJson(
    slices.flatMap(({ serviceHost, ports, endpoints, ...slice }) =>
      ports.map((port) => ({
        svc: `${serviceHost}:${port.name}`,
        ep: endpoints.map((endpoint) => ({ ...endpoint, port: port.number, slice })),
      })),
    ),
  );
}

/** Accepted configuration. */
export function configz({ state }: MeshSnapshot): unknown {
  return state.configs.map(({ apiVersion, kind, meta, spec, origin }) => {
    const schema = kindOf(apiVersion, kind)?.schema;
    return {
      apiVersion,
      kind,
      metadata: meta,
      ...(origin.file === undefined ? {} : { file: origin.file, line: origin.line }),
      spec: schema === undefined ? null : messageJson(schema, spec as Message),
    };
  });
}

/** Services of the platform registries. */
export function registryz({ state }: MeshSnapshot): unknown {
  return plainJson([...state.services].sort((a, b) => (a.host < b.host ? -1 : 1)));
}

/** The settings of the mesh in force, MeshConfig and defaults together. */
export function mesh({ settings }: MeshSnapshot): unknown {
  return plainJson(settings);
}
