/** One node agent as a process of the demo: ends, with its Envoy, when the demo is gone, however it ended. */
import { createApp, loadConfig } from "@lateen/node-agent";
import { runMain } from "@lateen/runtime";

process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.exit(await runMain("node-agent", loadConfig, createApp));
