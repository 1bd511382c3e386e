/** Manifests as plain objects, for `ConfigFolder.write`. Only what the tests vary is a parameter. */
type Labels = Readonly<Record<string, string>>;

export interface Name {
  readonly namespace: string;
  readonly name: string;
}

/** Its port goes to the pods' port named http, whatever number that has on each. */
export function service(at: Name, spec: { clusterIp: string; app: string; port: number }): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: at,
    spec: {
      clusterIP: spec.clusterIp,
      selector: { app: spec.app },
      ports: [{ name: "http", port: spec.port, targetPort: "http" }],
    },
  };
}

export interface PodSpec {
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly address: string;
  readonly port: number;
}

export function pod(at: Name, { labels, serviceAccount, address, port }: PodSpec): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...at, labels },
    spec: {
      serviceAccountName: serviceAccount,
      containers: [{ name: "app", ports: [{ name: "http", containerPort: port }] }],
    },
    status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] },
  };
}

/** Without an address or pods of its own: an EndpointSlice says where it is. */
export function headlessService(at: Name, port: { name: string; port: number; targetPort: number }): object {
  return { apiVersion: "v1", kind: "Service", metadata: at, spec: { clusterIP: "None", ports: [port] } };
}

export interface SliceSpec {
  readonly service: string;
  readonly address: string;
  readonly port: number;
  /** Default http. */
  readonly portName?: string;
  readonly pod?: string;
}

/** The slice of one address. */
export function endpointSlice(at: Name, spec: SliceSpec): object {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...at, labels: { "kubernetes.io/service-name": spec.service } },
    addressType: "IPv4",
    ports: [{ name: spec.portName ?? "http", port: spec.port }],
    endpoints: [
      {
        addresses: [spec.address],
        conditions: { ready: true },
        ...(spec.pod !== undefined && { targetRef: { kind: "Pod", name: spec.pod, namespace: at.namespace } }),
      },
    ],
  };
}

export function virtualService(at: Name, spec: object): object {
  return { apiVersion: "networking.istio.io/v1", kind: "VirtualService", metadata: at, spec };
}

export function destinationRule(at: Name, spec: object): object {
  return { apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: at, spec };
}

export function gateway(at: Name, spec: object): object {
  return { apiVersion: "networking.istio.io/v1", kind: "Gateway", metadata: at, spec };
}

export function serviceEntry(at: Name, spec: object): object {
  return { apiVersion: "networking.istio.io/v1", kind: "ServiceEntry", metadata: at, spec };
}

export function peerAuthentication(at: Name, mode: "STRICT" | "PERMISSIVE" | "DISABLE"): object {
  return { apiVersion: "security.istio.io/v1", kind: "PeerAuthentication", metadata: at, spec: { mtls: { mode } } };
}

export function authorizationPolicy(at: Name, spec: object): object {
  return { apiVersion: "security.istio.io/v1", kind: "AuthorizationPolicy", metadata: at, spec };
}

export function telemetry(at: Name, spec: object): object {
  return { apiVersion: "telemetry.istio.io/v1", kind: "Telemetry", metadata: at, spec };
}

export function rateLimit(at: Name, spec: object): object {
  return { apiVersion: "policy.lateen.dev/v1alpha1", kind: "RateLimit", metadata: at, spec };
}

export function tlsSecret(at: Name, pair: { certificate: string; privateKey: string }): object {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: at,
    data: { "tls.crt": base64(pair.certificate), "tls.key": base64(pair.privateKey) },
  };
}

/** The ConfigMap Istio reads its mesh config from. `mesh` is YAML. */
export function meshConfig(mesh: string, namespace = "istio-system"): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name: "istio" }, data: { mesh } };
}
