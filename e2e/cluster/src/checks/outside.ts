import { eventually } from "@lateen/e2e-harness";
import { askMany, headersSeen, show } from "../request.ts";
import { imageOf, type World } from "../world.ts";
import { workload } from "../workloads.ts";
import { transparent } from "./capture.ts";
import { spiffeId } from "./samples.ts";

const machine = "machine";
const host = "machine.example.com";
const group = { group: "machines" };

/** As `istioctl x workload group create` writes it; no pod has its label. */
const manifests = [
  {
    apiVersion: "networking.istio.io/v1",
    kind: "WorkloadGroup",
    metadata: { name: "machines" },
    spec: {
      metadata: { labels: group },
      template: { serviceAccount: machine, ports: { http: 8080 } },
      probe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
    },
  },
  {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: machine },
    spec: {
      hosts: [host],
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      resolution: "STATIC",
      location: "MESH_INTERNAL",
      workloadSelector: { labels: group },
    },
  },
];

/** It is asked for its health, and answers everybody else also while it is not well. */
const program = `
require("node:http").createServer((request, response) => {
  const { url: path, headers } = request;
  const unwell = path === "/health" && require("node:fs").existsSync("/tmp/unwell");
  response.writeHead(unwell ? 503 : 200, { "x-sample": "machine-v1" });
  response.end(JSON.stringify({ path, headers }));
}).listen(8080);
process.on("SIGTERM", () => process.exit(0));`;

/** A machine is what no injector knows: an application, an agent with a token, and the redirection, set up by hand. */
export async function joinsAndLeaves(world: World): Promise<string> {
  const { cluster, samples } = world;
  const unwell = (command: string) =>
    cluster.exec({ namespace: samples, pod: `deploy/${machine}`, container: machine }, [command, "/tmp/unwell"]);
  await cluster.apply(samples, ...manifests, ...workload(machineSpec(world)));
  await cluster.waitForRollouts(samples, 240_000);
  const registered = await reached(world, "it has registered");
  await unwell("touch");
  await notReached(world, "it is not well");
  await unwell("rm");
  await reached(world, "it is well again");
  const left = Date.now();
  await cluster.kubectl(["scale", "-n", samples, `deployment/${machine}`, "--replicas=0"]);
  await notReached(world, "it has left");
  await eventually(
    async () => {
      const entries = await entriesOf(world);
      if (entries.length > 0) throw new Error(`there is still ${entries.join()}`);
      return true;
    },
    { what: "its WorkloadEntry is gone", timeoutMs: 160_000, intervalMs: 500 },
  );
  const gone = ((Date.now() - left) / 1000).toFixed(1);
  await cluster.kubectl(["delete", "deployment", machine, transparent, "-n", samples, "--wait=false"]);
  return `${registered} answered for ${host} while it was well, and was gone ${gone} s after it left`;
}

/** Answers the name of its entry. */
async function reached(world: World, when: string): Promise<string> {
  return eventually(
    async () => {
      const answers = await askMany(world, transparent, `http://${host}/`, { times: 5 });
      for (const answer of answers) {
        if (answer.status !== 200) throw new Error(show(answer));
        const caller = headersSeen(answer)["x-forwarded-client-cert"] ?? "";
        if (!caller.includes(`URI=${spiffeId(world, transparent)}`))
          throw new Error(`the caller is not known: "${caller}"`);
      }
      const [entry, ...others] = await entriesOf(world);
      if (entry === undefined || others.length > 0) throw new Error(`entries: ${[entry, ...others].join()}`);
      return entry;
    },
    { what: `${host} answers when ${when}`, timeoutMs: 160_000, intervalMs: 300 },
  );
}

async function notReached(world: World, when: string): Promise<void> {
  await eventually(
    async () => {
      const answers = await askMany(world, transparent, `http://${host}/`, { times: 20 });
      const other = answers.find(({ status }) => status !== 503);
      if (other !== undefined) throw new Error(show(other));
      return true;
    },
    { what: `${host} gets no request when ${when}`, timeoutMs: 160_000, intervalMs: 300 },
  );
}

const readEntries = `
const response = await fetch("http://127.0.0.1:8080/debug/configz");
const objects = await response.json();
console.log(JSON.stringify(objects.filter(({ kind }) => kind === "WorkloadEntry").map(({ metadata }) => metadata.name)));
`;

/** WorkloadEntries as pilot has them: Kubernetes does not know those that registered. */
async function entriesOf({ cluster, system }: World): Promise<readonly string[]> {
  const pilot = { namespace: system, pod: "deploy/lateen-pilot", container: "pilot" };
  return JSON.parse(await cluster.runProgram(pilot, readEntries, {}, 80_000)) as string[];
}

/** What `istioctl x workload entry configure` writes for a machine, as a pod. */
function machineSpec(world: World) {
  const image = imageOf(world, "proxy");
  const imagePullPolicy = "IfNotPresent";
  const env = {
    POD_NAMESPACE: world.samples,
    SERVICE_ACCOUNT: machine,
    CA_ADDR: `lateen-citadel.${world.system}.svc:15012`,
    ISTIO_META_AUTO_REGISTER_GROUP: "machines",
    ISTIO_META_CLUSTER_ID: "Kubernetes",
    PROXY_CONFIG: JSON.stringify({
      discoveryAddress: `istiod.${world.system}.svc:15012`,
      terminationDrainDuration: "1s",
      readinessProbe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
    }),
  };
  const mounts = {
    token: "/var/run/secrets/tokens",
    root: "/var/run/secrets/istio",
    socket: "/var/run/secrets/workload-spiffe-uds",
    proxy: "/etc/istio/proxy",
  };
  const serviceAccountToken = { path: "istio-token", audience: "istio-ca", expirationSeconds: 3600 };
  return {
    name: machine,
    program,
    labels: { "sidecar.istio.io/inject": "false" },
    pod: {
      initContainers: [
        {
          ...{
            name: "redirect",
            image,
            imagePullPolicy,
            command: ["lateen-init"],
            args: ["-d", "15020,15021,15090,22"],
          },
          securityContext: { runAsUser: 0, capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] } },
        },
      ],
      containers: [
        {
          ...{ name: "agent", image, imagePullPolicy, args: ["proxy", "sidecar"] },
          env: [
            ...Object.entries(env).map(([name, value]) => ({ name, value })),
            { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            { name: "INSTANCE_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          ],
          readinessProbe: { httpGet: { path: "/healthz/ready", port: 15021 }, periodSeconds: 1 },
          securityContext: { runAsUser: 1337, runAsGroup: 1337, capabilities: { drop: ["ALL"] } },
          volumeMounts: Object.entries(mounts).map(([name, mountPath]) => ({ name, mountPath })),
        },
      ],
      volumes: [
        { name: "token", projected: { sources: [{ serviceAccountToken }] } },
        { name: "root", configMap: { name: "istio-ca-root-cert" } },
        { name: "socket", emptyDir: {} },
        { name: "proxy", emptyDir: {} },
      ],
    },
  };
}
