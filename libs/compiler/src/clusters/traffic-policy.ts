import type { ConnectionPool, ClientTls, LoadBalancer, Outliers, TrafficPolicy } from "../istio.ts";

/** The parts of a DestinationRule that shape one cluster. */
export interface PortPolicy {
  readonly loadBalancer?: LoadBalancer;
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: Outliers;
  readonly tls?: ClientTls;
}

/**
 * A subset's policy overrides the rule's part by part; settings for a port replace all four parts, so that what they
 * leave out gets defaults (as Istio documents portLevelSettings).
 */
export function portPolicy(
  rule: TrafficPolicy | undefined,
  subset: TrafficPolicy | undefined,
  port: number,
): PortPolicy {
  return overlay(overlay({}, rule, port), subset, port);
}

function overlay(base: PortPolicy, policy: TrafficPolicy | undefined, port: number): PortPolicy {
  if (policy === undefined) return base;
  const forPort = policy.portLevelSettings.find((setting) => setting.port?.number === port);
  return forPort === undefined ? { ...base, ...parts(policy) } : parts(forPort);
}

function parts(source: { [Part in keyof PortPolicy]?: PortPolicy[Part] | undefined }): PortPolicy {
  const { loadBalancer, connectionPool, outlierDetection, tls } = source;
  return {
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
    ...(connectionPool === undefined ? {} : { connectionPool }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
    ...(tls === undefined ? {} : { tls }),
  };
}
