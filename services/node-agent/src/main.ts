import { runAgent } from "./run-agent.ts";

process.exit(await runAgent());
