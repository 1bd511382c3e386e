import { readFile } from "node:fs/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { NameTableSchema } from "@lateen/protos/istio/networking/nds/v1/name_table_pb.js";
import type { HealthCheck, Server } from "@lateen/runtime";
import { MeshError } from "@lateen/runtime";
import type { Address } from "../envoy/bootstrap.ts";
import type { OwnType } from "../workload/own-types.ts";
import { Names } from "./names.ts";
import { readResolvConf } from "./resolv-conf.ts";
import { dnsServer } from "./server.ts";
import type { DnsObserver } from "./server.ts";
import { Upstream } from "./upstream.ts";

export interface DnsProxyOptions {
  /** `host:port`; `localhost` stands for the loopback address of each family that the machine's resolvers have. */
  readonly address: string;
  readonly resolvConf: string;
  /** Resolvers to ask in the place of resolv.conf's, as `host:port`. */
  readonly servers: readonly string[];
  readonly namespace: string;
  readonly dnsDomain: string;
  readonly observer: DnsObserver;
}

export interface DnsProxy {
  readonly server: Server;
  /** Where its names come from. */
  readonly nameTable: OwnType;
  readonly check: HealthCheck;
}

/** Answers the application's DNS queries. Reads resolv.conf once, as resolvers do. */
export async function createDnsProxy(options: DnsProxyOptions): Promise<DnsProxy> {
  const text = await readFile(options.resolvConf, "utf8").catch(() => "");
  const { servers, search } = readResolvConf(text);
  const asked = options.servers.length > 0 ? options.servers.map(parseAddress) : servers;
  const addresses = addressesOf(options.address, asked);
  const upstream = asked.filter(
    (server) => !addresses.some((own) => own.host === server.host && own.port === server.port),
  );
  let names: Names | undefined;
  return {
    server: dnsServer({
      addresses,
      names: () => names,
      upstream: new Upstream({ servers: upstream }),
      observer: options.observer,
    }),
    nameTable: {
      typeUrl: `type.googleapis.com/${NameTableSchema.typeName}`,
      received([table]) {
        if (table !== undefined) names = new Names(fromBinary(NameTableSchema, table), { ...options, search });
      },
    },
    check: {
      name: "dns",
      check: () =>
        names === undefined ? { ready: false, detail: "waiting for the names of the mesh" } : { ready: true },
    },
  };
}

function addressesOf(written: string, servers: readonly Address[]): readonly Address[] {
  const { host, port } = parseAddress(written);
  if (host !== "localhost") return [{ host, port }];
  const v6 = servers.some((server) => server.host.includes(":"));
  const v4 = !v6 || servers.some((server) => !server.host.includes(":"));
  return [...(v4 ? [{ host: "127.0.0.1", port }] : []), ...(v6 ? [{ host: "::1", port }] : [])];
}

/** `127.0.0.1:53`, `[::1]:53`. Throws with the value. */
function parseAddress(text: string): Address {
  const [, host = "", port = ""] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535)
    throw new MeshError("agent_dns_address", `${JSON.stringify(text)} is no address; write host:port`);
  return { host, port: Number(port) };
}
