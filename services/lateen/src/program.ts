import { Command, Option } from "commander";

/** What every command that asks a running pilot takes: where it is. */
function withPilot(command: Command): Command {
  return command
    .option("--url <url>", "pilot's debug address, as `lateen up` prints it", "http://127.0.0.1:8080")
    .option("--namespace <name>", "ask every pilot of this namespace of the cluster in KUBECONFIG instead");
}

function withPorts(command: Command): Command {
  return command
    .option("--bind <address>", "address to listen on", "127.0.0.1")
    .option("--grpc-port <port>", "xDS and CA, plaintext (0: any free port)", "15010")
    .option("--secure-grpc-port <port>", "xDS and CA, TLS", "15012")
    .option("--monitoring-port <port>", "metrics and health", "15014")
    .option("--http-port <port>", "/ready and /debug", "8080")
    .option("--policy-port <port>", "external authorization, rate limits, access logs", "9091")
    .option("--state <dir>", "CA key and trust domain keys; made on first use", ".lateen/state");
}

/** The command line. Each action loads its own code, so `--help` and `version` start at once. */
export function program(): Command {
  const root = new Command("lateen")
    .description(
      "A service-mesh control plane that takes Istio's configuration and drives Envoy.\n\n" +
        "Try it on this machine:   lateen demo\n" +
        "Your own YAML and Envoys: lateen up --config DIR\n" +
        "Check YAML before it is applied: lateen analyze DIR",
    )
    .showHelpAfterError("(lateen --help lists the commands)");

  withPorts(root.command("up"))
    .description("Run the whole plane in one process, following every YAML and JSON file of a folder.")
    .requiredOption("--config <dir>", "folder of Istio and Kubernetes manifests, read recursively and followed")
    .option(
      "--split-route-tables-from <n>",
      "virtual hosts from which a table goes host by host (0: never; default 100)",
    )
    .addOption(new Option("--log-level <level>").choices(["debug", "info", "warn", "error"]).default("warn"))
    .addHelpText(
      "after",
      "\nAn Envoy joins with an ADS bootstrap to the gRPC port and an Istio node id:\n" +
        "  router~127.0.0.1~edge.default~default.svc.cluster.local       a gateway\n" +
        "  sidecar~127.0.1.7~orders-1.shop~shop.svc.cluster.local         a sidecar, metadata INTERCEPTION_MODE: NONE\n",
    )
    .action(async (options) => (await import("./commands/up.ts")).up(options));

  withPorts(root.command("demo"))
    .description("`up` plus three sample services behind real Envoys, with traffic: edit the YAML and watch.")
    .option("--config <dir>", "folder to follow; filled with the demo's YAML when it is empty", ".lateen/demo")
    .option("--seconds <n>", "stop after this many seconds (default: stay up)")
    .action(async (options) => (await import("./commands/demo.ts")).demo(options));

  root
    .command("analyze")
    .description("Check manifests without applying them: every mistake with file, line, field and remedy.")
    .argument("<path...>", "files or folders")
    .option("--output <format>", "text or json", "text")
    .action(async (paths, options) => (await import("./commands/analyze.ts")).analyzePaths(paths, options));

  withPilot(root.command("proxy-status"))
    .alias("ps")
    .description("Each proxy and what it has acknowledged: SYNCED, STALE, NOT SENT or ERROR a type.")
    .option("--output <format>", "table or json", "table")
    .action(async (options) => (await import("./commands/proxy-status.ts")).proxyStatus(options));

  withPilot(root.command("proxy-config"))
    .alias("pc")
    .description("What one proxy was given.")
    .argument("<type>", "cluster, listener, route, endpoint, ecds or all")
    .argument("<proxy>", "proxy id as proxy-status prints it, or its pod part")
    .option("--output <format>", "short, json or yaml", "short")
    .action(async (type, proxy, options) =>
      (await import("./commands/proxy-config.ts")).proxyConfig(type, proxy, options),
    );

  root
    .command("token")
    .description("Print a token for a local workload of `lateen up`, for its node agent to present to the CA.")
    .requiredOption("--service-account <name>", "service account of the workload")
    .option("--namespace <name>", "its namespace", "default")
    .option("--state <dir>", "state folder of `lateen up`", ".lateen/state")
    .option("--ttl <seconds>", "how long it is good", "86400")
    .action(async (options) => (await import("./commands/token.ts")).token(options));

  root
    .command("version")
    .description("Print the version of this program, and of a running plane if one answers.")
    .option("--url <url>", "metrics address of a running plane", "http://127.0.0.1:15014")
    .action(async (options) => (await import("./commands/version.ts")).version(options));

  return root;
}
