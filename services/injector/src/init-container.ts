import type { InterceptionMode, PodSettings } from "./annotations.ts";
import type { InjectorSettings } from "./inject.ts";
import type { Container } from "./pod.ts";
import { proxyUser } from "./proxy-container.ts";

/** Ports of the proxy itself, and ssh: never redirected. */
const ownInboundPorts = (statusPort: number): readonly string[] => [
  "15008",
  String(statusPort),
  "15021",
  "15090",
  "22",
];

/**
 * The container `istio-init`: redirects the pod's TCP traffic to Envoy by iptables and ends. Its program,
 * `lateen-init`, is part of the proxy image and takes the flags of istio-iptables.
 */
export function initContainer(
  settings: InjectorSettings,
  asked: PodSettings,
  traffic: {
    readonly image: string;
    readonly interception: InterceptionMode;
    readonly redirectDns: boolean;
    readonly statusPort: number;
  },
): Container {
  const { image, interception, redirectDns, statusPort } = traffic;
  const excluded = [...ownInboundPorts(statusPort), ...asked.excludeInboundPorts.split(",")].filter(
    (port) => port !== "",
  );
  return {
    name: "istio-init",
    image,
    imagePullPolicy: settings.imagePullPolicy,
    command: ["lateen-init"],
    args: [
      ...["-p", "15001"],
      ...["-z", "15006"],
      ...["-u", String(proxyUser)],
      ...["-g", String(proxyUser)],
      ...(interception === "TPROXY" ? ["-m", "TPROXY"] : []),
      ...["-i", asked.includeOutboundRanges],
      ...["-x", asked.excludeOutboundRanges],
      ...["-b", asked.includeInboundPorts],
      ...["-d", excluded.join(",")],
      ...["-q", asked.includeOutboundPorts],
      ...["-o", asked.excludeOutboundPorts],
      ...(redirectDns ? ["--redirect-dns"] : []),
    ],
    resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { cpu: "500m", memory: "128Mi" } },
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      privileged: false,
      capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
    },
  };
}
