/** One node agent as a process of the demo: ends, with its Envoy, when the demo is gone, however it ended. */
import { runAgent } from "@lateen/node-agent";

process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.exit(await runAgent());
