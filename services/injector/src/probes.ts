import type { Container, Probe } from "./pod.ts";

/**
 * The kubelet has no mesh certificate, so a probe of a port behind STRICT mTLS would fail, and a TCP probe would
 * succeed whatever the application does. Probes are sent to the agent's port instead, which asks the application
 * from inside the pod. The table tells the agent what to ask: path → original action.
 */
export interface RewrittenProbes {
  readonly containers: readonly Container[];
  readonly table: Readonly<Record<string, Probe>>;
}

const kinds = [
  ["livenessProbe", "livez"],
  ["readinessProbe", "readyz"],
  ["startupProbe", "startupz"],
] as const;

/** `agentPort`: the agent's status port. */
export function rewriteProbes(containers: readonly Container[], agentPort: number): RewrittenProbes {
  const table: Record<string, Probe> = {};
  const rewritten = containers.map((container) => {
    const changes: Record<string, Probe> = {};
    for (const [field, path] of kinds) {
      const probe = container[field];
      const asked = probe && askedOf(probe, container, agentPort);
      if (!probe || !asked) continue;
      const agentPath = `/app-health/${container.name}/${path}`;
      table[agentPath] = asked;
      const { httpGet: _h, tcpSocket: _t, grpc: _g, ...timing } = probe;
      changes[field] = { ...timing, httpGet: { path: agentPath, port: agentPort, scheme: "HTTP" } };
    }
    return Object.keys(changes).length === 0 ? container : { ...container, ...changes };
  });
  return { containers: rewritten, table };
}

/** The action with its port as a number; undefined for `exec`, which stays as it is, and a probe of another host. */
function askedOf(probe: Probe, container: Container, agentPort: number): Probe | undefined {
  const timeoutSeconds = probe.timeoutSeconds ?? 1;
  if (probe.httpGet && !probe.httpGet.host) {
    const { path = "/", port, scheme = "HTTP", httpHeaders } = probe.httpGet;
    const resolved = portNumber(port, container);
    return resolved === agentPort
      ? undefined
      : { httpGet: { path, port: resolved, scheme, ...(httpHeaders && { httpHeaders }) }, timeoutSeconds };
  }
  if (probe.tcpSocket && !probe.tcpSocket.host)
    return { tcpSocket: { port: portNumber(probe.tcpSocket.port, container) }, timeoutSeconds };
  if (probe.grpc) return { grpc: probe.grpc, timeoutSeconds };
  return undefined;
}

function portNumber(port: number | string, container: Container): number | string {
  if (typeof port === "number") return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? port;
}

/** Hooks that the kubelet performs by HTTP; unlike probes they are left alone. */
export function httpHookWarnings(containers: readonly Container[]): string[] {
  return containers.flatMap((container, index) =>
    Object.entries(container.lifecycle ?? {})
      .filter(([, hook]) => hook.httpGet !== undefined)
      .map(
        ([name]) =>
          `spec.containers[${index}].lifecycle.${name}.httpGet is sent by the kubelet without a certificate and fails under STRICT mutual TLS; use exec`,
      ),
  );
}
