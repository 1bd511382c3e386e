import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@lateen/e2e-harness";
import type { KubeObject } from "./cluster.ts";
import type { World } from "./world.ts";

interface PodStatus {
  readonly containerStatuses?: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly restartCount: number;
    readonly containerID?: string;
  }[];
}

/** The one pod of a component of the control plane, as it is now. */
async function podOf(world: World, component: string): Promise<KubeObject> {
  const pods = await world.cluster.list(
    "pods",
    "-n",
    world.system,
    "-l",
    `app.kubernetes.io/instance=lateen,app.kubernetes.io/component=${component}`,
  );
  const [pod] = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (pod === undefined) throw new Error(`there is no pod of ${component}`);
  return pod;
}

function containerOf(pod: KubeObject) {
  const [container] = (pod["status"] as PodStatus).containerStatuses ?? [];
  if (container === undefined) throw new Error(`pod ${pod.metadata.name} has no container yet`);
  return container;
}

/** kill -9 of a component's container, from outside it. Resolves when Kubernetes has started it again and it is ready. */
export async function crash(world: World, component: string): Promise<{ readonly downMs: number }> {
  const pod = await podOf(world, component);
  const before = containerOf(pod);
  const killer = await killerOn(world, String((pod["spec"] as { nodeName?: string }).nodeName));
  const program = await readFile(join(import.meta.dirname, "in-pod/kill.ts"), "utf8");
  const id = before.containerID?.split("//").at(-1) ?? "";
  const killed = JSON.parse(await world.cluster.runProgram(killer, program, id, 120_000)) as number[];
  if (killed.length === 0) throw new Error(`no process of ${pod.metadata.name} was found on its node`);
  const started = Date.now();
  await eventually(
    async () => {
      const now = containerOf(await podOf(world, component));
      return now.restartCount > before.restartCount && now.ready;
    },
    { what: `${component} is ready again`, timeoutMs: 360_000, intervalMs: 250 },
  );
  return { downMs: Date.now() - started };
}

async function killerOn(world: World, node: string) {
  const name = `killer-${node}`.slice(0, 63);
  const target = { namespace: world.tools, pod: name, container: "killer" };
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName: node,
      hostPID: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "killer",
          image: "node:24-bookworm-slim",
          imagePullPolicy: "IfNotPresent",
          command: ["node", "-e", "setInterval(() => {}, 60_000)"],
          securityContext: {
            runAsUser: 0,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"], add: ["KILL"] },
          },
        },
      ],
    },
  };
  await world.cluster.apply(world.tools, pod);
  await world.cluster.kubectl(["wait", "-n", world.tools, `pod/${name}`, "--for=condition=Ready", "--timeout=240s"], {
    timeoutMs: 280_000,
  });
  return target;
}
