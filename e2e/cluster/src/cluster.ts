import { eventually } from "@lateen/e2e-harness";
import { attempt, capture, type CommandOptions, type CommandResult } from "./command.ts";

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface PodTarget {
  readonly namespace: string;
  /** A pod's name, or `deploy/<name>`. */
  readonly pod: string;
  readonly container: string;
}

/** kubectl's web socket of this age loses the output of programs that end at once; the older protocol does not. */
const execEnvironment = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false" };

/** The cluster of one kubeconfig, by kubectl. */
export class Cluster {
  readonly #environment: Readonly<Record<string, string>>;

  constructor(kubeconfig: string) {
    this.#environment = { KUBECONFIG: kubeconfig, ...execEnvironment };
  }

  /** For programs that talk to the same cluster. */
  get environment(): Readonly<Record<string, string>> {
    return this.#environment;
  }

  kubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return capture("kubectl", args, { ...options, env: { ...this.#environment, ...options.env } });
  }

  /** Whatever it ends with is an answer. */
  try(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return attempt("kubectl", args, { ...options, env: { ...this.#environment, ...options.env } });
  }

  async get<T = KubeObject>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(["get", ...args, "-o", "json"])) as T;
  }

  async list(...args: readonly string[]): Promise<readonly KubeObject[]> {
    return (await this.get<{ items: KubeObject[] }>(...args)).items;
  }

  /** Objects, or the path of a manifest. */
  async apply(namespace: string, ...what: readonly (string | object)[]): Promise<void> {
    for (const each of what) await this.kubectl(["apply", "-n", namespace, "-f", ...fileOf(each)], inputOf(each));
  }

  async remove(namespace: string, ...what: readonly (string | object)[]): Promise<void> {
    for (const each of what)
      await this.kubectl(
        ["delete", "-n", namespace, "--ignore-not-found", "--wait=true", "-f", ...fileOf(each)],
        inputOf(each),
      );
  }

  /** What `kubectl apply` says about an object, accepted or not. */
  judge(namespace: string, object: object): Promise<CommandResult> {
    return this.try(["apply", "-n", namespace, "-f", "-"], { input: JSON.stringify(object) });
  }

  exec(
    { namespace, pod, container }: PodTarget,
    command: readonly string[],
    options: CommandOptions = {},
  ): Promise<string> {
    const interactive = options.input === undefined ? [] : ["-i"];
    return this.kubectl(["exec", "-n", namespace, pod, "-c", container, ...interactive, "--", ...command], options);
  }

  logs({ namespace, pod, container }: PodTarget, ...args: readonly string[]): Promise<string> {
    return this.kubectl(["logs", "-n", namespace, pod, "-c", container, ...args]);
  }

  /** Runs a TypeScript program inside a pod that has Node; its standard output is the answer. */
  runProgram(target: PodTarget, program: string, argument: unknown, timeoutMs: number): Promise<string> {
    const command = ["node", "--input-type=module-typescript", "-", JSON.stringify(argument)];
    return this.exec(target, command, { input: program, timeoutMs });
  }

  async waitForRollouts(namespace: string, timeoutMs: number): Promise<void> {
    const names = await this.list("deployments", "-n", namespace);
    for (const { metadata } of names)
      await this.kubectl(
        [
          "rollout",
          "status",
          "-n",
          namespace,
          `deployment/${metadata.name}`,
          `--timeout=${Math.ceil(timeoutMs / 1000)}s`,
        ],
        { timeoutMs: timeoutMs + 5_000 },
      );
  }

  /** Deletes namespaces with all that is in them, and waits. */
  async deleteNamespaces(names: readonly string[], timeoutMs = 480_000): Promise<void> {
    await this.kubectl(["delete", "namespace", "--ignore-not-found", "--wait=false", ...names]);
    await eventually(
      async () =>
        (await this.kubectl(["get", "namespace", "--ignore-not-found", "-o", "name", ...names])).trim() === "",
      {
        what: `namespaces ${names.join(", ")} are gone`,
        timeoutMs,
        intervalMs: 500,
      },
    );
  }
}

function fileOf(what: string | object): string[] {
  return [typeof what === "string" ? what : "-"];
}

function inputOf(what: string | object): CommandOptions {
  return typeof what === "string" ? {} : { input: JSON.stringify(what) };
}
