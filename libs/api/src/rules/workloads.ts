import type { WorkloadEntry } from "@lateen/protos/networking/v1alpha3/workload_entry_pb.js";
import type { Cursor } from "../report.ts";
import { isIpAddress, isUnixAddress } from "./addresses.ts";
import { checkFqdn, isDnsLabel } from "./hosts.ts";
import { checkLabels } from "./labels.ts";
import { checkPort } from "./values.ts";

/** An address of any form: IP, name, or socket. */
export function checkWorkloadAddress(entry: WorkloadEntry, at: Cursor): void {
  const { address, ports } = entry;
  if (isBehindGateway(entry)) return;
  if (address === "")
    at.at("address").error("required", "is required: an IP address, a name, or unix:///path; or network alone");
  else if (address.startsWith("unix:")) checkUnixAddress(address, ports, at);
  else if (!isIpAddress(address)) checkFqdn(address, at.at("address"));
}

/** Where nobody needs to know its address: others reach it by the gateways of its network. */
export function isBehindGateway({ address, network }: WorkloadEntry): boolean {
  return address === "" && network !== "";
}

export function checkUnixAddress(address: string, ports: Readonly<Record<string, number>>, at: Cursor): void {
  if (!isUnixAddress(address))
    at.at("address").error("address", `${JSON.stringify(address)} is not a socket; write unix:///absolute/path`);
  if (Object.keys(ports).length > 0) at.at("ports").error("conflict", "must be empty for a unix socket");
}

/** Everything about a workload but its address. */
export function checkWorkloadDetails(entry: WorkloadEntry, at: Cursor): void {
  for (const [name, port] of Object.entries(entry.ports)) {
    checkPort(port, at.at("ports", name));
    if (!isDnsLabel(name.toLowerCase()))
      at.at("ports", name).error("name", `${JSON.stringify(name)} is not a port's name (letters, digits, hyphens)`);
  }
  checkLabels(entry.labels, at.at("labels"));
  const parts = entry.locality.split("/");
  if (parts.length > 3 || (entry.locality !== "" && parts.includes("")))
    at.at("locality").error(
      "locality",
      `${JSON.stringify(entry.locality)} is not a locality; write region/zone/subzone`,
    );
}
