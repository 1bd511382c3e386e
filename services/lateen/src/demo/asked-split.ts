import { fromConfigObject, type VirtualService } from "@lateen/api";
import { keys, type MeshStore } from "@lateen/mesh-store";
import { namespace } from "./samples.ts";

/** The weights the YAML asks for now, as in `90/10`; read from the mesh store, so it is what was accepted. */
export async function askedSplit(store: MeshStore): Promise<string> {
  const stored = await store.get(keys.config("VirtualService", namespace, "reviews"));
  if (stored?.entry.value.case !== "config") return "nothing: no VirtualService shop/reviews";
  const spec = fromConfigObject(stored.entry.value.value)?.spec as VirtualService | undefined;
  const route = spec?.http.at(-1)?.route ?? [];
  return (
    route.map((target) => `${target.destination?.subset ?? target.destination?.host} ${target.weight}`).join("/") ||
    "no split"
  );
}
