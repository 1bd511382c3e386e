import type { ResponseFlags } from "@lateen/protos/envoy/data/accesslog/v3/accesslog_pb.js";

/** Envoy's short names, in the order of `%RESPONSE_FLAGS%`. */
const names = [
  ["failedLocalHealthcheck", "LH"],
  ["noHealthyUpstream", "UH"],
  ["upstreamRequestTimeout", "UT"],
  ["localReset", "LR"],
  ["upstreamRemoteReset", "UR"],
  ["upstreamConnectionFailure", "UF"],
  ["upstreamConnectionTermination", "UC"],
  ["upstreamOverflow", "UO"],
  ["noRouteFound", "NR"],
  ["delayInjected", "DI"],
  ["faultInjected", "FI"],
  ["rateLimited", "RL"],
  ["unauthorizedDetails", "UAEX"],
  ["rateLimitServiceError", "RLSE"],
  ["downstreamConnectionTermination", "DC"],
  ["upstreamRetryLimitExceeded", "URX"],
  ["streamIdleTimeout", "SI"],
  ["invalidEnvoyRequestHeaders", "IH"],
  ["downstreamProtocolError", "DPE"],
  ["upstreamMaxStreamDurationReached", "UMSDR"],
  ["responseFromCacheFilter", "RFCF"],
  ["noFilterConfigFound", "NFCF"],
  ["durationTimeout", "DT"],
  ["upstreamProtocolError", "UPE"],
  ["noClusterFound", "NC"],
  ["overloadManager", "OM"],
  ["dnsResolutionFailure", "DF"],
  ["downstreamRemoteReset", "DR"],
] as const satisfies readonly (readonly [keyof ResponseFlags, string])[];

/** As in Envoy's access log: `UF,URX`, or `-`. */
export function flagsText(flags: ResponseFlags | undefined): string {
  if (flags === undefined) return "-";
  let text = "";
  for (const [field, name] of names) if (flags[field]) text = text === "" ? name : `${text},${name}`;
  return text || "-";
}
