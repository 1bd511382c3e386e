import { featuresFrom } from "@lateen/pilot";
import { createLogger, MeshError } from "@lateen/runtime";
import { createPlane } from "../plane.ts";
import { type PortOptions, parsePorts } from "../ports.ts";
import { untilStopped } from "../stop-signals.ts";
import { liveText, printReport } from "../reports.ts";

export interface UpOptions extends PortOptions {
  readonly config: string;
  readonly bind: string;
  readonly state: string;
  readonly splitRouteTablesFrom?: string;
  readonly logLevel?: string;
}

/** Runs the plane until Ctrl-C. What happens to the configuration is printed; the process's own log goes to stderr. */
export async function up(options: UpOptions): Promise<void> {
  const started = Date.now();
  const logger = createLogger({ service: "lateen", level: options.logLevel ?? "warn", destination: process.stderr });
  const plane = await createPlane({
    configDirectory: options.config,
    stateDirectory: options.state,
    bind: options.bind,
    ports: parsePorts(options),
    ...(options.splitRouteTablesFrom !== undefined && { splitTablesFrom: hostCount(options.splitRouteTablesFrom) }),
    logger,
    features: featuresFrom(process.env),
    onReport: (report) => printReport(report, (line) => console.log(line)),
    onLive: (change) => console.log(`live  ${liveText(change)}`),
  });
  await untilStopped(async (signal) => {
    const running = plane.run(signal);
    const ports = await Promise.race([plane.ready, running.then(() => undefined)]);
    if (ports !== undefined) {
      const at = (port: number): string => `${options.bind}:${port}`;
      console.log(
        [
          `lateen is up in ${Date.now() - started} ms, following ${options.config}`,
          `  xDS and CA   ${at(ports.grpc)} plaintext, ${at(ports.secureGrpc)} TLS (root ${plane.rootCertificateFile})`,
          `  policy       ${at(ports.policy)}  ext_authz, rate limits, access logs`,
          `  metrics      http://${at(ports.monitoring)}/metrics`,
          `  debug        http://${at(ports.http)}/debug`,
        ].join("\n"),
      );
    }
    await running;
  });
}

function hostCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0) return count;
  throw new MeshError(
    "cli_count",
    `--split-route-tables-from is "${text}"; give a number of virtual hosts, or 0 for never`,
  );
}
