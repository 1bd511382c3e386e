import { createLogger } from "@lateen/runtime";
import { envoyBinary } from "@lateen/binaries";
import { join } from "node:path";
import { runDemo } from "../demo/run.ts";
import { parsePorts, type PortOptions } from "../ports.ts";
import { untilStopped } from "../stop-signals.ts";

export interface DemoOptions extends PortOptions {
  readonly config: string;
  readonly bind: string;
  readonly state: string;
  readonly seconds?: string;
}

/** The plane, three services behind real Envoys, and traffic; until Ctrl-C. */
export async function demo(options: DemoOptions): Promise<void> {
  const envoy = await envoyBinary({ onProgress: (line) => console.log(line) });
  const logger = createLogger({ service: "lateen", level: "warn", destination: process.stderr });
  await untilStopped((signal) => {
    const limit = options.seconds === undefined ? [] : [AbortSignal.timeout(Number(options.seconds) * 1000)];
    return runDemo({
      envoy,
      logger,
      configDirectory: options.config,
      stateDirectory: options.state,
      workDirectory: join(options.state, "demo"),
      bind: options.bind,
      ports: parsePorts(options),
      signal: AbortSignal.any([signal, ...limit]),
    });
  });
}
