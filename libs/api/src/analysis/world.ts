import type { Message } from "@bufbuild/protobuf";
import { hostCovers, isWildcard, resolveHost } from "@lateen/model";
import type { Finding, Labels, MeshObject, ObjectRef, Service, Workload } from "@lateen/model";
import type { MeshConfig } from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import type { DestinationRule } from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import type { ServiceEntry } from "@lateen/protos/networking/v1alpha3/service_entry_pb.js";

export interface AnalysisInput {
  readonly objects: readonly MeshObject<Message>[];
  readonly services?: readonly Service[];
  /** Without them nothing is said about selectors. */
  readonly workloads?: readonly Workload[];
  /** As `namespace/name`. Without them nothing is said about credentials. */
  readonly secrets?: ReadonlySet<string>;
  readonly domain?: string;
  readonly rootNamespace?: string;
}

/** Somewhere traffic can go. `service` is absent for what a ServiceEntry declares. */
export interface KnownHost {
  readonly host: string;
  readonly ports: readonly number[];
  readonly service?: Service;
}

/** What there is, indexed for the checks between objects. */
export interface World {
  readonly input: AnalysisInput;
  readonly rootNamespace: string;
  readonly providers: ReadonlySet<string>;
  of<Spec>(kind: string): readonly MeshObject<Spec>[];
  resolve(host: string, namespace: string): string;
  find(host: string): KnownHost | undefined;
  /** Names of the subsets that any rule gives to a host; undefined where no rule is about it. */
  subsetsOf(host: string): ReadonlySet<string> | undefined;
  select(selector: Labels, namespace: string | undefined): readonly Workload[];
}

/** Providers that exist without being configured. */
const builtInProviders = ["envoy", "prometheus", "lateen-policy", "lateen-metrics"];

export function createWorld(input: AnalysisInput): World {
  const domain = input.domain ?? "cluster.local";
  const byKind = Map.groupBy(input.objects, (object) => object.kind);
  const of = <Spec>(kind: string): readonly MeshObject<Spec>[] =>
    (byKind.get(kind) ?? []) as unknown as readonly MeshObject<Spec>[];
  const resolve = (host: string, namespace: string): string => resolveHost(host, namespace, domain);
  const hosts = knownHosts(input.services ?? [], of<ServiceEntry>("ServiceEntry"));
  const rules = of<DestinationRule>("DestinationRule").map((rule) => ({
    rule,
    host: resolve(rule.spec.host, rule.meta.namespace),
  }));
  const configured = of<MeshConfig>("MeshConfig").flatMap((object) =>
    object.spec.extensionProviders.map((provider) => provider.name),
  );
  return {
    input,
    of,
    resolve,
    rootNamespace: input.rootNamespace ?? "istio-system",
    providers: new Set([...builtInProviders, ...configured]),
    find: (host) => hosts.exact.get(host) ?? hosts.wildcards.find((each) => hostCovers(each.host, host)),
    subsetsOf(host) {
      const matching = rules.filter((each) => hostCovers(each.host, host));
      return matching.length === 0
        ? undefined
        : new Set(matching.flatMap((each) => each.rule.spec.subsets.map((subset) => subset.name)));
    },
    select: (selector, namespace) =>
      (input.workloads ?? []).filter((workload) => {
        const here = namespace === undefined || workload.namespace === namespace;
        return here && Object.entries(selector).every(([key, value]) => workload.labels[key] === value);
      }),
  };
}

function knownHosts(services: readonly Service[], entries: readonly MeshObject<ServiceEntry>[]) {
  const declared = entries.flatMap(({ spec }) =>
    spec.hosts.map((host) => ({ host: host.toLowerCase(), ports: spec.ports.map((port) => port.number) })),
  );
  const all: KnownHost[] = [
    ...services.map((service) => ({ host: service.host, ports: service.ports.map((port) => port.number), service })),
    ...declared,
  ];
  const wildcards = all.filter((each) => isWildcard(each.host));
  return { exact: new Map(all.filter((each) => !isWildcard(each.host)).map((each) => [each.host, each])), wildcards };
}

export function refOf(object: MeshObject<unknown>): ObjectRef {
  return { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name };
}

export function finding(
  object: ObjectRef,
  severity: Finding["severity"],
  code: string,
  message: string,
  related?: readonly ObjectRef[],
): Finding {
  return { object, severity, code, message, ...(related ? { related } : {}) };
}
