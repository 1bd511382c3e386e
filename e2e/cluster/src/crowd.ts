import { adsBootstrap } from "@lateen/e2e-harness";
import type { KubeObject } from "./cluster.ts";
import { imageOf, type World } from "./world.ts";

const name = "crowd";

/**
 * Starts `count` Envoys in one pod outside the mesh: as many proxies of the samples' namespace, for pilot to serve. They
 * have its plaintext port, and no traffic. Resolves when they run; pilot says when they are connected.
 */
export async function startCrowd(world: World, count: number): Promise<void> {
  const pilot = await world.cluster.get<KubeObject>("service", "lateen-pilot", "-n", world.system);
  const { clusterIP } = pilot["spec"] as { clusterIP: string };
  const bootstrap = adsBootstrap({
    node: {
      type: "sidecar",
      address: "192.0.2.1", // of no pod
      pod: `${name}-@`,
      namespace: world.samples,
      metadata: { INTERCEPTION_MODE: "REDIRECT" }, // its ports are the same for all, and they share them
    },
    xds: { address: clusterIP, port: 15010 },
    protocol: "DELTA_GRPC",
  });
  await world.cluster.apply(world.samples, crowdPod(world, bootstrap, count));
  await world.cluster.kubectl(["wait", "-n", world.samples, `pod/${name}`, "--for=condition=Ready", "--timeout=240s"], {
    timeoutMs: 280_000,
  });
}

export async function endCrowd({ cluster, samples }: World): Promise<void> {
  await cluster.kubectl(["delete", "pod", name, "-n", samples, "--ignore-not-found", "--wait=true"]);
}

const program = `
for n in $(seq "$COUNT"); do
  envoy --config-yaml "$(printf %s "$BOOTSTRAP" | sed "s/${name}-@/${name}-$n/g")" --concurrency 1 --disable-hot-restart --log-level error &
done
wait`;

function crowdPod(world: World, bootstrap: object, count: number): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name, "sidecar.istio.io/inject": "false" } },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 1337, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name,
          image: imageOf(world, "proxy"),
          imagePullPolicy: "IfNotPresent",
          command: ["sh", "-c", program],
          env: [
            { name: "COUNT", value: String(count) },
            { name: "BOOTSTRAP", value: JSON.stringify(bootstrap) },
          ],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
}
