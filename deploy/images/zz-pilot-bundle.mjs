import { bundle } from "./bundle.ts";
await bundle("/work/main", "pilot", "/tmp/w/pilot-bundle");
