import type { DestinationPolicy } from "../index/destination-rules.ts";
import type {
  ConnectionPool,
  ClientTls,
  LoadBalancer,
  Outliers,
  RetryBudget,
  TrafficPolicy,
  Tunnel,
} from "../istio.ts";
import type { MeshSettings } from "../settings.ts";

/** The parts of a DestinationRule that shape one cluster. */
export interface PortPolicy {
  readonly loadBalancer?: LoadBalancer;
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: Outliers;
  readonly tls?: ClientTls;
  readonly tunnel?: Tunnel;
  readonly proxyProtocol?: NonNullable<TrafficPolicy["proxyProtocol"]>;
  readonly retryBudget?: RetryBudget;
}

/** Which cluster of a host is asked about. */
export interface PolicyQuestion {
  readonly policy: DestinationPolicy | undefined;
  readonly subset: string;
  readonly port: number;
}

/** What holds for calls to a cluster: the mesh's default traffic policy is under what its rule says. */
export function portPolicy(settings: MeshSettings, question: PolicyQuestion): PortPolicy {
  return { ...settings.defaultPolicy, ...rulePolicy(question) };
}

/**
 * A subset's policy overrides the rule's part by part; settings for a port replace the four parts that ports can have,
 * so that what they leave out gets defaults (as Istio documents portLevelSettings).
 */
export function rulePolicy({ policy, subset, port }: PolicyQuestion): PortPolicy {
  const own = policy?.subsets.find((candidate) => candidate.name === subset)?.trafficPolicy;
  return overlay(overlay({}, policy?.trafficPolicy, port), own, port);
}

function overlay(base: PortPolicy, policy: TrafficPolicy | undefined, port: number): PortPolicy {
  if (policy === undefined) return base;
  const merged = { ...base, ...portParts(policy), ...wholeParts(policy) };
  const forPort = policy.portLevelSettings.find((setting) => setting.port?.number === port);
  return forPort === undefined ? merged : { ...wholeParts(merged), ...portParts(forPort) };
}

type PortPart = "loadBalancer" | "connectionPool" | "outlierDetection" | "tls";
type Source<Part extends keyof PortPolicy> = { readonly [Key in Part]?: PortPolicy[Key] | undefined };

function portParts({ loadBalancer, connectionPool, outlierDetection, tls }: Source<PortPart>): PortPolicy {
  return {
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
    ...(connectionPool === undefined ? {} : { connectionPool }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function wholeParts({ tunnel, proxyProtocol, retryBudget }: Source<Exclude<keyof PortPolicy, PortPart>>): PortPolicy {
  return {
    ...(tunnel === undefined ? {} : { tunnel }),
    ...(proxyProtocol === undefined ? {} : { proxyProtocol }),
    ...(retryBudget === undefined ? {} : { retryBudget }),
  };
}
