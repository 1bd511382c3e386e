/** One more workload beside the samples. */
export interface WorkloadSpec {
  /** Of the Deployment, its container, its label `app` and its account. */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** A program for node; default the samples' server. */
  readonly program?: string;
  /** For a pod that is more than its application. */
  readonly pod?: {
    readonly initContainers?: readonly object[];
    readonly containers: readonly object[];
    readonly volumes: readonly object[];
  };
}

/** Its account and its Deployment. Needs the ConfigMap of apps.yaml. */
export function workload({ name, labels = {}, annotations = {}, program, pod }: WorkloadSpec): readonly object[] {
  const selector = { app: name };
  const application = {
    name,
    image: "node:24-bookworm-slim",
    imagePullPolicy: "IfNotPresent",
    command: program === undefined ? ["node", "/app/server.mjs"] : ["node", "-e", program],
    env: Object.entries({ APP: name, VERSION: "v1" }).map(([variable, value]) => ({ name: variable, value })),
    ports: [{ name: "http", containerPort: 8080 }],
    readinessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 1 },
    securityContext: { runAsNonRoot: true, runAsUser: 1000, allowPrivilegeEscalation: false },
    volumeMounts: [
      { name: "app", mountPath: "/app", readOnly: true },
      { name: "scratch", mountPath: "/tmp" },
    ],
  };
  const volumes = [
    { name: "app", configMap: { name: "sample-app" } },
    { name: "scratch", emptyDir: {} },
  ];
  const spec = {
    serviceAccountName: name,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 5,
    initContainers: pod?.initContainers ?? [],
    containers: [application, ...(pod?.containers ?? [])],
    volumes: [...volumes, ...(pod?.volumes ?? [])],
  };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, labels: selector },
      spec: {
        selector: { matchLabels: selector },
        template: { metadata: { labels: { ...selector, version: "v1", ...labels }, annotations }, spec },
      },
    },
  ];
}

/** HTTP on port 80 of the workload of this name. */
export function serviceOf(name: string): object {
  const ports = [{ name: "http", port: 80, targetPort: "http" }];
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { selector: { app: name }, ports } };
}
