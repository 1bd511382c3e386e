import { loadClient } from "@lateen/kube";

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
    throw new Error(`no pilot answers at ${options.url}; start one with \`lateen up\`, or name it with --url or --namespace`, {
      cause,
    });
  });
  if (!response.ok) throw new Error(`${url.href} answered ${response.status}: ${await response.text()}`);
  return [{ pilot: url.host, body: (await response.json()) as T }];
}

async function askCluster<T>(namespace: string, path: string): Promise<readonly PilotAnswer<T>[]> {
  const client = await loadClient();
  const selector = encodeURIComponent("app.kubernetes.io/component=pilot");
  const pods = (await client.get(`/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`)) as {
    items: { metadata: { name: string }; status?: { phase?: string } }[];
  };
  const names = pods.items.filter((pod) => pod.status?.phase === "Running").map((pod) => pod.metadata.name);
  if (names.length === 0) throw new Error(`no running pilot pod in namespace ${namespace}; is Lateen installed there?`);
  return Promise.all(
    names.map(async (name) => ({
      pilot: name,
      body: (await client.get(`/api/v1/namespaces/${namespace}/pods/${name}:8080/proxy${path}`)) as T,
    })),
  );
}
