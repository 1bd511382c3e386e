/** A service that tests run as a child process; its first argument says how it behaves. */
import * as z from "zod";
import { aborted } from "../lifecycle.ts";
import { loadConfig, runMain, settings } from "../index.ts";

const behaviour = process.argv[2] ?? "normal";
const schema = z.object({ ADMIN_PORT: settings.port(0), LOG_LEVEL: settings.logLevel() });

process.exit(
  await runMain(
    "lifecycle",
    () => {
      const env = loadConfig(schema);
      return { adminPort: env.ADMIN_PORT, logLevel: env.LOG_LEVEL };
    },
    (config, { logger }) => ({
      adminPort: config.adminPort,
      adminHost: "127.0.0.1",
      drainMs: behaviour === "drain" ? 500 : 0,
      shutdownMs: 500,
      components: [
        { name: "steady", checks: [{ name: "steady", check: () => ({ ready: true }) }], run: aborted },
        { name: "subject", checks: [], run: subject },
      ],
      close: async () => logger.info("closed"),
    }),
  ),
);

async function subject(signal: AbortSignal): Promise<void> {
  if (behaviour === "fail") throw new Error("broken on purpose");
  if (behaviour === "end") return;
  if (behaviour === "throw-elsewhere")
    setTimeout(() => {
      throw new Error("nobody caught this");
    }, 20);
  await aborted(signal);
  if (behaviour === "stuck") await new Promise(() => setInterval(() => undefined, 1_000));
}
