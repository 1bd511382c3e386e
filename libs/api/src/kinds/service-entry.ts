import { ServiceEntry_Resolution, ServiceEntrySchema } from "@lateen/protos/networking/v1alpha3/service_entry_pb.js";
import type { ServiceEntry, ServicePort } from "@lateen/protos/networking/v1alpha3/service_entry_pb.js";
import type { WorkloadEntry } from "@lateen/protos/networking/v1alpha3/workload_entry_pb.js";
import { isWildcard } from "@lateen/model";
import type { HostAddress } from "@lateen/model";
import type { Cursor } from "../report.ts";
import { isCidr, isIpAddress, isIpOrCidr } from "../rules/addresses.ts";
import { checkDistinct, warnOfRepeats } from "../rules/distinct.ts";
import { checkFqdn, checkWildcardDomain, fqdnProblem, isDnsLabel } from "../rules/hosts.ts";
import { checkLabels, warnOfEmpty } from "../rules/labels.ts";
import { checkProtocol, isHttpProtocol, isTlsProtocol } from "../rules/protocols.ts";
import { checkPort } from "../rules/values.ts";
import { checkExportTo } from "../rules/visibility.ts";
import { checkUnixAddress, checkWorkloadDetails, isBehindGateway } from "../rules/workloads.ts";
import { isRecord } from "../source/documents.ts";
import { ageColumn, defineKind, networkingVersions } from "./definition.ts";

export const serviceEntry = defineKind({
  ...networkingVersions,
  kind: "ServiceEntry",
  plural: "serviceentries",
  shortNames: ["se"],
  schema: ServiceEntrySchema,
  columns: [
    { name: "Hosts", type: "string", jsonPath: ".spec.hosts", description: "Hosts of the service" },
    { name: "Location", type: "string", jsonPath: ".spec.location", description: "Whether it is part of the mesh" },
    { name: "Resolution", type: "string", jsonPath: ".spec.resolution", description: "How its addresses are found" },
    ageColumn,
  ],
  check(spec, at, meta) {
    checkHosts(spec, at);
    checkAddresses(spec, at.at("addresses"));
    checkPorts(spec, at.at("ports"));
    checkResolution(spec, at);
    for (const [index, endpoint] of spec.endpoints.entries()) checkEndpoint(endpoint, spec, at.at("endpoints", index));
    checkWorkloads(spec, at.at("workloadSelector"));
    checkExportTo(spec.exportTo, meta.namespace, at.at("exportTo"));
  },
  readState(status) {
    const addresses = readAddresses(status);
    return addresses.length === 0 ? undefined : { addresses };
  },
});

function checkHosts(spec: ServiceEntry, at: Cursor): void {
  if (spec.hosts.length === 0) at.at("hosts").error("required", "needs at least one host");
  for (const [index, host] of spec.hosts.entries()) {
    if (host === "*")
      at.at("hosts", index).error(
        "host",
        'must not be "*" alone, which would take over every host; name the domain, as in "*.example.com"',
      );
    else checkWildcardDomain(host, at.at("hosts", index));
    if (/^\*[^.]/.test(host) && host !== "*")
      at.at("hosts", index).warning(
        "host",
        `${JSON.stringify(host)} has a wildcard that is no whole label, which no request matches; write "*.example.com"`,
      );
  }
  const connections = spec.ports.find(({ protocol }) => !isHttpProtocol(protocol) && !isUdp(protocol));
  if (connections !== undefined && spec.hosts.length > 1 && spec.addresses.length > 0)
    at.at("hosts").warning(
      "conflict",
      `are several at the same addresses: connections to port ${connections.number} name none of them; write an entry for each`,
    );
  warnOfRepeats(spec.hosts, "host", at.at("hosts"));
}

function checkAddresses(spec: ServiceEntry, at: Cursor): void {
  for (const [index, address] of spec.addresses.entries()) {
    const here = at.at(index);
    if (!isIpOrCidr(address))
      here.error("address", `${JSON.stringify(address)} is not an IP address or CIDR such as "10.1.0.0/16"`);
    else if (isCidr(address) && spec.resolution > ServiceEntry_Resolution.STATIC) {
      here.error("address", "a network is for the resolutions NONE and STATIC; write single addresses");
    }
  }
  warnOfRepeats(spec.addresses, "address", at);
}

function checkPorts(spec: ServiceEntry, at: Cursor): void {
  if (spec.ports.length === 0) at.warning("IST0134", "is empty, so no traffic can be sent to the hosts; add the ports");
  for (const [index, port] of spec.ports.entries()) {
    checkEntryPort(port, at.at(index));
    const tcp = !isHttpProtocol(port.protocol) && !isTlsProtocol(port.protocol) && !isUdp(port.protocol);
    if (tcp && spec.addresses.length === 0 && spec.resolution === ServiceEntry_Resolution.NONE) {
      const { number } = port;
      const protocol = port.protocol || "TCP";
      const remedy = `give spec.addresses, or all traffic to port ${number} goes here`;
      at.at(index).warning("IST0134", `a ${protocol} port has no host name to route by; ${remedy}`);
    }
  }
  const names = spec.ports.map((port) => port.name);
  checkDistinct(names, "port name", (index) => at.at(index, "name"));
  const numbers = spec.ports.map((port) => port.number);
  checkDistinct(numbers, "port", (index) => at.at(index, "number"));
}

function isUdp(protocol: string): boolean {
  return protocol.toUpperCase() === "UDP";
}

function checkWorkloads({ workloadSelector, resolution }: ServiceEntry, at: Cursor): void {
  if (!workloadSelector) return;
  warnOfEmpty(workloadSelector.labels, at);
  checkLabels(workloadSelector.labels, at.at("labels"));
  if (resolution === ServiceEntry_Resolution.NONE)
    at.warning(
      "no-effect",
      "has no effect with resolution NONE, which sends to the address the client chose; use STATIC",
    );
}

function checkEntryPort(port: ServicePort, at: Cursor): void {
  checkPort(port.number, at.at("number"));
  if (port.protocol !== "") checkProtocol(port.protocol, at.at("protocol")); // without one it is detected
  if (port.targetPort !== 0) checkPort(port.targetPort, at.at("targetPort"));
  if (port.name === "") at.at("name").error("required", "is required: endpoints refer to the port by it");
  else if (!isDnsLabel(port.name.toLowerCase()))
    at.at("name").error("name", `${JSON.stringify(port.name)} is not a port's name (letters, digits, hyphens)`);
}

function checkResolution(spec: ServiceEntry, at: Cursor): void {
  const resolution = ServiceEntry_Resolution[spec.resolution];
  const count = spec.endpoints.length;
  if (count > 0 && spec.workloadSelector)
    at.at("workloadSelector").error("conflict", "cannot be used with endpoints; keep one of them");
  switch (spec.resolution) {
    case ServiceEntry_Resolution.NONE:
      if (count > 0)
        at.at("endpoints").error(
          "conflict",
          "must be empty with resolution NONE, which sends to the address the client chose; use STATIC or DNS",
        );
      return;
    case ServiceEntry_Resolution.STATIC:
      if (count === 0 && !spec.workloadSelector)
        at.at("endpoints").warning(
          "no-endpoints",
          "is empty, so with resolution STATIC there is nobody to send to; add them",
        );
      return;
    case ServiceEntry_Resolution.DYNAMIC_DNS:
      checkLookup(spec, at);
      return;
    case ServiceEntry_Resolution.DNS:
      break;
    case ServiceEntry_Resolution.DNS_ROUND_ROBIN:
      if (count > 1)
        at.at("endpoints").error(
          "range",
          "must have at most one entry with resolution DNS_ROUND_ROBIN; use DNS for more",
        );
  }
  if (count > 0 || spec.workloadSelector) return;
  for (const [index, host] of spec.hosts.entries()) {
    if (fqdnProblem(host) !== undefined && host !== "*") {
      at.at("hosts", index).error(
        "host",
        `${JSON.stringify(host)} cannot be resolved; with resolution ${resolution} and no endpoints write full names`,
      );
    }
  }
}

/** Without a Host header or server name nobody knows where to, and below a single host there is nothing to look up. */
function checkLookup(spec: ServiceEntry, at: Cursor): void {
  for (const [index, host] of spec.hosts.entries()) {
    if (!isWildcard(host))
      at.at("hosts", index).error(
        "host",
        `${JSON.stringify(host)} is a single host; resolution DYNAMIC_DNS is for wildcards such as "*.example.com", use DNS`,
      );
  }
  for (const [index, { protocol }] of spec.ports.entries()) {
    if (isHttpProtocol(protocol) || isTlsProtocol(protocol)) continue;
    at.at("ports", index, "protocol").error(
      "conflict",
      `${protocol === "" ? "must be said" : `${protocol} does not name the host that is meant`} with resolution DYNAMIC_DNS: one of HTTP, HTTP2, GRPC, GRPC-WEB, TLS, HTTPS`,
    );
  }
  for (const field of ["endpoints", "workloadSelector"] as const) {
    const value = spec[field];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    at.at(field).warning(
      "no-effect",
      "has no effect with resolution DYNAMIC_DNS, which sends to the host that is asked for",
    );
  }
}

function checkEndpoint(endpoint: WorkloadEntry, spec: ServiceEntry, at: Cursor): void {
  const { address } = endpoint;
  if (spec.resolution === ServiceEntry_Resolution.STATIC && address.startsWith("unix:")) {
    checkUnixAddress(address, endpoint.ports, at);
    if (spec.ports.length !== 1)
      at.at("address").error("conflict", "a unix socket serves one port, so spec.ports must have exactly one");
  } else if (spec.resolution === ServiceEntry_Resolution.STATIC) {
    if (!isIpAddress(address) && !isBehindGateway(endpoint))
      at.at("address").error(
        "address",
        `${JSON.stringify(address)} is not an IP address; for names use resolution DNS`,
      );
  } else if (!isIpAddress(address)) checkFqdn(address, at.at("address"));
  checkWorkloadDetails(endpoint, at);
  for (const name of Object.keys(endpoint.ports)) {
    if (!spec.ports.some((each) => each.name === name)) {
      const known = spec.ports.map((each) => each.name).join(", ");
      at.at("ports", name).error("unknown-port", `${JSON.stringify(name)} is not among spec.ports (${known})`);
    }
  }
}

/** Addresses given to hosts earlier; what is not one of ours to give is not taken. */
function readAddresses(status: unknown): HostAddress[] {
  const written: unknown = isRecord(status) ? status["addresses"] : undefined;
  if (!Array.isArray(written)) return [];
  return written.flatMap((each: unknown) => {
    const { host, value } = isRecord(each) ? each : {};
    return typeof host === "string" && typeof value === "string" && isIpAddress(value)
      ? [{ host, address: value }]
      : [];
  });
}
