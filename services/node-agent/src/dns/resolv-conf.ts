import { isIP } from "node:net";
import type { Address } from "../envoy/bootstrap.ts";

export interface ResolvConf {
  readonly servers: readonly Address[];
  readonly search: readonly string[];
}

const dnsPort = 53;

/** What resolv.conf says: servers in order, and the last list of search domains. What it does not say is empty. */
export function readResolvConf(text: string): ResolvConf {
  const servers: Address[] = [];
  let search: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    const [first = ""] = values;
    if (keyword === "nameserver" && isIP(first.replace(/%.*$/, "")) !== 0) servers.push({ host: first, port: dnsPort });
    if (keyword === "search" || keyword === "domain") search = values;
  }
  return { servers, search };
}
