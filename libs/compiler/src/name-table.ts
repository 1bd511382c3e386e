import type * as ir from "@lateen/ir";
import { compareText, isIp } from "@lateen/model";
import { usableAddresses } from "./addressing.ts";
import type { Context } from "./context.ts";
import type { EndpointRecord } from "./index/endpoints.ts";
import type { ServiceRecord } from "./index/service-record.ts";

/**
 * Every name the proxy's application may ask for: services by their virtual addresses, headless ones by their
 * workloads', and each of those by its own name where it has one. Ranges are no answer, and neither is nothing.
 */
export function nameTable(context: Context): ir.NameTable {
  const names = new Map<string, ir.NameRecord>();
  for (const service of context.services.all) {
    for (const record of service.headless ? headlessNames(context, service) : virtualNames(service))
      if (record.addresses.length > 0) names.set(record.host, record);
  }
  return { names: [...names.values()].sort((left, right) => compareText(left.host, right.host)) };
}

function virtualNames(service: ServiceRecord): readonly ir.NameRecord[] {
  return [named(service, service.host, service.name, service.addresses.filter(isIp))];
}

function headlessNames(context: Context, service: ServiceRecord): readonly ir.NameRecord[] {
  const all = context.endpointsOf(service)?.records ?? [];
  const records = all.filter(({ health }) => health === "healthy");
  const addressesOf = (record: EndpointRecord): readonly string[] =>
    usableAddresses(record.addresses, context.scope).filter(isIp);
  const own = Map.groupBy(
    records.filter(({ hostname }) => hostname !== ""),
    ({ hostname }) => hostname,
  );
  return [
    named(service, service.host, service.name, [...new Set(records.flatMap(addressesOf))]),
    ...[...own].map(([hostname, ofWorkload]) =>
      named(service, `${hostname}.${service.host}`, `${hostname}.${service.name}`, ofWorkload.flatMap(addressesOf)),
    ),
  ];
}

function named(
  { platform, namespace }: ServiceRecord,
  host: string,
  shortName: string,
  addresses: readonly string[],
): ir.NameRecord {
  return { host, addresses, ...(platform ? { cluster: { shortName, namespace } } : {}) };
}
