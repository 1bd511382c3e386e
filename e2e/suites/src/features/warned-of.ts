import { kindOf } from "@lateen/api";

const meshConfig = kindOf("mesh.istio.io/v1alpha1", "MeshConfig");
const fields = new Set((meshConfig?.notBuilt ?? []).map(({ path }) => path.replaceAll(/\[\]|\{\}/g, "")));

/** Whether who sets this field of the mesh's settings, or one around it, is told by name that nothing comes of it. */
export function warnedOf(path: string): boolean {
  const [kind, ...names] = path.split(".");
  return kind === "MeshConfig" && names.some((_name, index) => fields.has(names.slice(0, index + 1).join(".")));
}
