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

/** Where the proxy takes what is redirected: MeshConfig's proxyListenPort and proxyInboundListenPort. */
export interface CapturePorts {
  readonly outbound: number;
  readonly inbound: number;
}

export const defaultCapture: CapturePorts = { outbound: 15_001, inbound: 15_006 };

interface CapturedTraffic {
  readonly image: string;
  readonly interception: InterceptionMode;
  readonly redirectDns: boolean;
  readonly statusPort: number;
  readonly capture: CapturePorts;
}

/**
 * The container `istio-init`: redirects the pod's TCP traffic to Envoy by iptables and ends. Its program,
 * `lateen-init`, is part of the proxy image and takes the flags of istio-iptables.
 */
export function initContainer(settings: InjectorSettings, asked: PodSettings, traffic: CapturedTraffic): Container {
  const { image, interception, redirectDns, statusPort, capture } = traffic;
  const excluded = [...ownInboundPorts(statusPort), ...asked.excludeInboundPorts.split(",")].filter(
    (port) => port !== "",
  );
  return {
    name: "istio-init",
    image,
    imagePullPolicy: settings.imagePullPolicy,
    command: ["lateen-init"],
    args: [
      ...["-p", String(capture.outbound)],
      ...["-z", String(capture.inbound)],
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
