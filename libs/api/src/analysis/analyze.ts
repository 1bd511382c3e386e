import type { Finding } from "@lateen/model";
import { analyzeDestinationRules } from "./destination-rules.ts";
import { analyzeEnvoyFilters } from "./envoy-filters.ts";
import { analyzeGateways } from "./gateways.ts";
import { analyzeIngresses } from "./ingresses.ts";
import { analyzeMeshNetworks } from "./mesh-networks.ts";
import { analyzePolicies } from "./policies.ts";
import { analyzeSidecars } from "./sidecars.ts";
import { analyzeServiceEntries } from "./service-entries.ts";
import { analyzeVirtualServices } from "./virtual-services.ts";
import { createWorld, finding } from "./world.ts";
import type { AnalysisInput, World } from "./world.ts";

/** In this order; each is independent of the others. */
const analyzers: readonly ((world: World) => Finding[])[] = [
  analyzeVirtualServices,
  analyzeDestinationRules,
  analyzeGateways,
  analyzeIngresses,
  analyzePolicies,
  analyzeMeshNetworks,
  analyzeSidecars,
  analyzeEnvoyFilters,
  analyzeServiceEntries,
  analyzeServices,
];

/** What is wrong between objects that are each valid: dangling references, conflicts. Codes are Istio's. */
export function analyze(input: AnalysisInput): Finding[] {
  const world = createWorld(input);
  return analyzers.flatMap((analyzer) => analyzer(world));
}

function analyzeServices(world: World): Finding[] {
  return (world.input.services ?? []).flatMap((service) =>
    service.ports
      .filter((port) => port.protocol === "auto")
      .map((port) => {
        const name = port.name === "" ? `port ${port.number}` : `port ${JSON.stringify(port.name)}`;
        const message = `${name} does not say its protocol, so it is guessed from the first bytes; name it like "http-${port.name || "web"}" or set appProtocol`;
        return finding(
          { kind: "Service", namespace: service.namespace, name: service.name },
          "info",
          "IST0118",
          message,
        );
      }),
  );
}
