export { istioctl, NotHere } from "./programs.ts";
