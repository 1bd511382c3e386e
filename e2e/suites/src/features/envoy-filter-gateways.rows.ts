import assert from "node:assert/strict";
import { envoyFilter, marker } from "./envoy-filter.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { handshake } from "./gateway-tls.rows.ts";
import { credential, pairOf, secret, server } from "./gateway-tls-material.ts";

const match = "EnvoyFilter.configPatches.match";

/** HTTPS servers of one port: `[port name, host]` each. */
function httpsServers(row: FeatureContext, suffix: string, ...servers: readonly (readonly [string, string])[]): object {
  return row.gateway(
    {
      selector: { istio: "edge" },
      servers: servers.map(([name, host]) => ({
        port: { number: row.ports(0), name, protocol: "HTTPS" },
        hosts: [host],
        tls: { mode: "SIMPLE", credentialName: credential(row) },
      })),
    },
    suffix,
  );
}

function hostsOf(row: FeatureContext): readonly [picked: string, other: string] {
  return [`a-${row.publicHost}`, `b-${row.publicHost}`];
}

/** Behind the row's Gateways `one` and `two`. */
function rules(row: FeatureContext): readonly object[] {
  const gateways = ["one", "two"].map((suffix) => row.named(suffix).name);
  return [
    secret(row, pairOf(server)),
    row.virtualService({ hosts: hostsOf(row), gateways, http: [{ route: [row.to()] }] }),
  ];
}

function markedRoutes(row: FeatureContext, routeConfiguration: object): object {
  const value = { response_headers_to_add: [{ header: { key: "x-row", value: "picked" } }] };
  return envoyFilter(row, [
    {
      applyTo: "VIRTUAL_HOST",
      match: { context: "GATEWAY", routeConfiguration },
      patch: { operation: "MERGE", value },
    },
  ]);
}

/** Of the two hosts the first alone is marked. */
async function checkMarks(row: FeatureContext): Promise<void> {
  const [picked, other] = hostsOf(row);
  const answers = [];
  for (const serverName of [picked, other]) answers.push((await handshake(row, { serverName })).received);
  assert.match(answers[0] ?? "", /^HTTP\/1\.1 200.*x-row: picked/s);
  assert.match(answers[1] ?? "", /^HTTP\/1\.1 200/);
  assert.doesNotMatch(answers[1] ?? "", /x-row/);
}

export const envoyFilterGatewayRows: readonly Feature[] = [
  {
    name: "routes of a gateway are picked by the name of the server's port",
    fields: [`${match}.routeConfiguration.portName`],
    manifests: (row) => {
      const [picked, other] = hostsOf(row);
      return [
        ...rules(row),
        httpsServers(row, "one", ["https-a", picked], ["https-b", other]),
        markedRoutes(row, { portNumber: row.ports(0), portName: "https-a" }),
      ];
    },
    check: checkMarks,
  },
  {
    name: "routes of a gateway are picked by the Gateway they are of",
    fields: [`${match}.routeConfiguration.gateway`],
    manifests: (row) => {
      const [picked, other] = hostsOf(row);
      const { namespace, name } = row.named("one");
      return [
        ...rules(row),
        httpsServers(row, "one", ["https", picked]),
        httpsServers(row, "two", ["https-two", other]),
        markedRoutes(row, { gateway: `${namespace}/${name}` }),
      ];
    },
    check: checkMarks,
  },
  {
    name: "a server name picks a gateway's chains that answer to it",
    fields: [`${match}.listener.filterChain.sni`],
    manifests: (row) => {
      const [picked, other] = hostsOf(row);
      const listener = { portNumber: row.ports(0), filterChain: { sni: picked } };
      return [
        ...rules(row),
        httpsServers(row, "one", ["https-a", picked], ["https-b", other]),
        envoyFilter(row, [
          {
            applyTo: "HTTP_FILTER",
            match: { context: "GATEWAY", listener },
            patch: { operation: "INSERT_FIRST", value: marker("picked") },
          },
        ]),
      ];
    },
    check: checkMarks,
  },
];
