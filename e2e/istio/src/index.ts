export type { ServedMesh } from "./serving-istiod.ts";
export { ServingIstiod } from "./serving-istiod.ts";
export { istioctl, NotHere } from "./programs.ts";
