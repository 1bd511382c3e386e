import { KubeError, loadClient, requestToken } from "@lateen/kube";
import { MeshError } from "@lateen/runtime";

export interface PilotOptions {
  readonly url: string;
  readonly namespace?: string;
}

export interface PilotAnswer<T> {
  readonly pilot: string;
  readonly body: T;
}

/**
 * Asks one pilot by URL, or every pilot pod of a cluster through the API server, for a debug page.
 * Throws an error that names the address and the remedy when none answers.
 */
export async function askPilots<T>(options: PilotOptions, path: string): Promise<readonly PilotAnswer<T>[]> {
  if (options.namespace !== undefined) return askCluster(options.namespace, path);
  const url = new URL(path, options.url);
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch((cause: unknown) => {
    const remedy = "start one with `lateen up`, or name it with --url or --namespace";
    throw new MeshError("cli_no_pilot", `no pilot answers at ${options.url}; ${remedy}`, { cause });
  });
  if (!response.ok) throw new Error(`${url.href} answered ${response.status}: ${await response.text()}`);
  return [{ pilot: url.host, body: (await response.json()) as T }];
}

async function askCluster<T>(namespace: string, path: string): Promise<readonly PilotAnswer<T>[]> {
  const client = await loadClient();
  const labelSelector = "app.kubernetes.io/component=pilot";
  const pods = await client.list({ apiVersion: "v1", plural: "pods" }, { namespace, labelSelector });
  const running = pods.filter((pod) => (pod["status"] as { phase?: string } | undefined)?.phase === "Running");
  if (running.length === 0)
    throw new MeshError("cli_no_pilot", `no pilot pod runs in namespace ${namespace}; is Lateen installed there?`);
  const headers = { "x-lateen-authorization": `Bearer ${await requestToken(client, systemAccount(namespace))}` };
  const answers = await Promise.all(
    running.map(async ({ metadata: { name } }) => {
      const page = `/api/v1/namespaces/${namespace}/pods/${name}:8080/proxy${path}`;
      const answer = client.raw(page, { headers }).catch((error: unknown) => {
        if (running.length > 1 && error instanceof KubeError && error.status === 404) return undefined;
        throw error;
      });
      const body = await answer;
      return body === undefined ? undefined : { pilot: name, body: JSON.parse(body) as T };
    }),
  );
  return answers.filter((answer) => answer !== undefined);
}

/** Whom istioctl speaks for, too: the debug pages show everything to the system namespace. */
function systemAccount(namespace: string) {
  return { namespace, serviceAccount: "default", audiences: ["istio-ca"] };
}
