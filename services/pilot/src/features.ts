import type { GatewayScoping, NetworkFilters, VariableLookup } from "@lateen/compiler";
import { loadConfig, settings } from "@lateen/runtime";
import * as z from "zod";

/** What Istio decides by variables of its control plane: the same names, the same defaults. */
export const featureVariables = {
  PILOT_ENABLE_MONGO_FILTER: settings.flag(true),
  PILOT_ENABLE_MYSQL_FILTER: settings.flag(false),
  PILOT_ENABLE_REDIS_FILTER: settings.flag(false),
  PILOT_SCOPE_GATEWAY_TO_NAMESPACE: settings.flag(false),
  PILOT_ENABLE_STRICT_GATEWAY_MERGING: settings.flag(true),
  /** Off: servers are verified only where a rule names who vouches for them. */
  VERIFY_CERTIFICATE_AT_CLIENT: settings.flag(true),
  /** Services and workloads are met at an address of each family. */
  ISTIO_DUAL_STACK: settings.flag(false),
  /** Gateways between networks are looked up where they are names. */
  RESOLVE_HOSTNAME_GATEWAYS: settings.flag(true),
};

const variables = z.object(featureVariables);

export interface Features {
  readonly networkFilters: NetworkFilters;
  readonly gateways: GatewayScoping;
  readonly dualStack: boolean;
  readonly verifyServers: boolean;
  readonly resolveGateways: boolean;
  /** All of the environment: MeshConfig may name variables, as in `headers[].envName`. */
  readonly variable: VariableLookup;
}

export function featuresOf(env: z.infer<typeof variables>, all: NodeJS.ProcessEnv): Features {
  return {
    variable: (name) => all[name],
    networkFilters: {
      mongo: env.PILOT_ENABLE_MONGO_FILTER,
      mysql: env.PILOT_ENABLE_MYSQL_FILTER,
      redis: env.PILOT_ENABLE_REDIS_FILTER,
    },
    gateways: {
      ownNamespaceOnly: env.PILOT_SCOPE_GATEWAY_TO_NAMESPACE,
      managedOwnNamespaceOnly: env.PILOT_ENABLE_STRICT_GATEWAY_MERGING,
    },
    dualStack: env.ISTIO_DUAL_STACK,
    verifyServers: env.VERIFY_CERTIFICATE_AT_CLIENT,
    resolveGateways: env.RESOLVE_HOSTNAME_GATEWAYS,
  };
}

/** Throws ConfigError, naming every bad variable. */
export function featuresFrom(env: NodeJS.ProcessEnv): Features {
  return featuresOf(loadConfig(variables, env), env);
}
