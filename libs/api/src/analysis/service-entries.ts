import type { Finding, MeshObject } from "@lateen/model";
import type { ServiceEntry } from "@lateen/protos/networking/v1alpha3/service_entry_pb.js";
import { finding, refOf } from "./world.ts";
import type { World } from "./world.ts";

interface Declared {
  readonly entry: MeshObject<ServiceEntry>;
  readonly protocol: string;
}

/** Entries of one namespace that declare one port of one host for different protocols: the oldest one's holds. */
export function analyzeServiceEntries(world: World): Finding[] {
  const entries = [...world.of<ServiceEntry>("ServiceEntry")].sort(
    (left, right) => left.meta.createdAtMs - right.meta.createdAtMs,
  );
  const declared = new Map<string, Declared>();
  return entries.flatMap((entry) => {
    const ports = entry.spec.hosts.flatMap((host) => entry.spec.ports.map((port) => ({ host, port })));
    return ports.flatMap(({ host, port }) => {
      const key = `${entry.meta.namespace}/${host.toLowerCase()}:${port.number}`;
      const protocol = port.protocol.toUpperCase();
      const first = declared.get(key);
      declared.set(key, first ?? { entry, protocol });
      return first === undefined || first.protocol === protocol ? [] : [conflict({ entry, protocol }, first, key)];
    });
  });
}

function conflict({ entry, protocol }: Declared, first: Declared, key: string): Finding {
  const place = key.slice(key.indexOf("/") + 1);
  return finding(
    refOf(entry),
    "warning",
    "IST0177",
    `${place} is ${protocol || "undeclared"} here and ${first.protocol || "undeclared"} in ServiceEntry ${first.entry.meta.namespace}/${first.entry.meta.name}, which is older and holds; make them agree`,
    [refOf(first.entry)],
  );
}
