import { readFileSync } from "node:fs";
import { request as httpRequest, Agent as HttpAgent } from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as httpsRequest, Agent as HttpsAgent } from "node:https";
import type { AgentOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node"; // the type only: see kubeconfig.ts

export interface HttpCall {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query. */
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body?: string | undefined;
  /** For whoever the server passes the request on to. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Sends one HTTP request to the API server; the answer's body has not been read yet. */
export interface Transport {
  readonly server: string;
  send(call: HttpCall): Promise<IncomingMessage>;
  close(): void;
}

/** What a request needs beyond its path; made anew for each, so rotated tokens and certificates are picked up. */
type Credentials = () => Promise<{ headers: Record<string, string>; tls: AgentOptions; agent?: HttpAgent }>;

const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The pod's own service account. Done here and not by client-node because that import costs every service in a
 * cluster 87 MB and half a second (measured), to read these two files.
 */
export function inClusterTransport(env: NodeJS.ProcessEnv, folder = serviceAccountFolder): Transport {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${env["KUBERNETES_SERVICE_PORT"] ?? "443"}`;
  return createTransport(server, async () => ({
    headers: { authorization: `Bearer ${readFileSync(`${folder}/token`, "utf8").trim()}` },
    tls: { ca: readFileSync(`${folder}/ca.crt`) },
  }));
}

/** A server reached with a bearer token and, over TLS, the roots that vouch for it. */
export function tokenTransport(
  server: string,
  options: { token?: string; caPem?: string; insecure?: boolean } = {},
): Transport {
  const headers: Record<string, string> =
    options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  const tls = { ...(options.caPem && { ca: options.caPem }), ...(options.insecure && { rejectUnauthorized: false }) };
  return createTransport(server, async () => ({ headers, tls }));
}

/** A kubeconfig's current context, with whatever way of signing in it names (certificate, token, exec, OIDC). */
export function kubeconfigTransport(config: KubeConfig): Transport {
  const cluster = config.getCurrentCluster();
  if (!cluster)
    throw new Error(
      `kubeconfig context "${config.getCurrentContext()}" names no cluster; choose one with kubectl config use-context`,
    );
  return createTransport(cluster.server.replace(/\/$/, ""), async () => {
    const options: RequestOptions & AgentOptions = {};
    await config.applyToHTTPSOptions(options as Parameters<KubeConfig["applyToHTTPSOptions"]>[0]);
    const headers = { ...(options.headers as Record<string, string> | undefined) };
    if (options.auth) headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
    const tls = defined({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername });
    return cluster.proxyUrl && options.agent instanceof HttpAgent
      ? { headers, tls, agent: options.agent }
      : { headers, tls };
  });
}

function createTransport(server: string, credentials: Credentials): Transport {
  const base = new URL(server);
  const secure = base.protocol === "https:";
  let agents: { material: string; agent: HttpAgent } | undefined;
  const agentFor = (tls: AgentOptions): HttpAgent => {
    const material = JSON.stringify(tls);
    if (agents?.material !== material) {
      // Requests in flight keep the old agent's sockets; it closes them once idle.
      const options = { keepAlive: true, timeout: 60_000 };
      agents = { material, agent: secure ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options) };
    }
    return agents.agent;
  };
  const send = async (call: HttpCall): Promise<IncomingMessage> => {
    const { headers, tls, agent } = await credentials();
    call.signal?.throwIfAborted();
    const options: RequestOptions = {
      method: call.method,
      host: base.hostname.replace(/^\[|\]$/g, ""),
      port: base.port || (secure ? 443 : 80),
      path: base.pathname.replace(/\/$/, "") + call.path,
      headers: {
        accept: "application/json",
        "user-agent": "lateen",
        ...call.headers,
        ...headers,
        ...bodyHeaders(call),
      },
      agent: agent ?? agentFor(tls),
      ...(call.signal && { signal: call.signal }),
    };
    const attempt = () => responseOf(secure ? httpsRequest(options) : httpRequest(options), call.body);
    // The server may close a kept-alive connection just as we reuse it; only a POST could then have happened twice.
    return call.method === "POST"
      ? attempt()
      : attempt().catch((error: unknown) => (isStale(error) ? attempt() : Promise.reject(error)));
  };
  return { server, send, close: () => agents?.agent.destroy() };
}

function responseOf(request: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("socket", (socket) => socket.setKeepAlive(true, 15_000)); // a dead peer ends a quiet watch
    request.once("response", resolve);
    request.on("error", (error) => reject(request.reusedSocket ? Object.assign(error, { reusedSocket: true }) : error));
    request.end(body);
  });
}

function isStale(error: unknown): boolean {
  const { code, reusedSocket } = error as NodeJS.ErrnoException & { reusedSocket?: boolean };
  return reusedSocket === true && (code === "ECONNRESET" || code === "EPIPE");
}

function bodyHeaders(call: HttpCall): Record<string, string | number> {
  if (call.body === undefined) return {};
  return { "content-type": call.contentType ?? "application/json", "content-length": Buffer.byteLength(call.body) };
}

function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
