import assert from "node:assert/strict";
import type { Feature, FeatureContext } from "./feature.ts";
import { credential, pairOf, secret, server, serverRoot } from "./gateway-tls-material.ts";
import { at, backend, forHost, ingress, path, status, version } from "./ingress-gateways.ts";
import { ingressControlRows } from "./ingress-control.rows.ts";

/** Services over one version each: `<slug>-v2`, `<slug>-v3`. */
function versions(row: FeatureContext): readonly object[] {
  return ["v2", "v3"].flatMap((version, index) =>
    row.service({ suffix: version, clusterIp: row.address(index), to: [row.workload("reviews", version)] }),
  );
}

const ingressClassName = "mesh";

const pathRows: readonly Feature[] = [
  {
    name: "an Exact path of an Ingress takes that path only",
    fields: ["Ingress.rules.http.paths.pathType", "Ingress.rules.http.paths.path", "Ingress.rules.host"],
    manifests: (row) => [
      ...versions(row),
      ingress(row, { ingressClassName, rules: [forHost(row, path("Exact", "/one", backend(row, "v2")))] }),
    ],
    check: async (row) => {
      assert.equal(await version(row, "/one"), "v2");
      assert.equal(await version(row, "/one?a=b"), "v2");
      assert.equal(await status(row, "/one/"), 404);
      assert.equal(await status(row, "/one/more"), 404);
    },
  },
  {
    name: "a Prefix of an Ingress takes whole elements of the path",
    fields: ["Ingress.rules.http.paths.pathType", "Ingress.rules.http.paths.backend.service.name"],
    manifests: (row) => [
      ...versions(row),
      ingress(row, {
        ingressClassName,
        rules: [
          forHost(row, path("Prefix", "/one", backend(row, "v2")), path("Prefix", "/slash/", backend(row, "v3"))),
        ],
      }),
    ],
    check: async (row) => {
      for (const asked of ["/one", "/one/", "/one/more", "/one?a=b"]) assert.equal(await version(row, asked), "v2");
      for (const asked of ["/slash", "/slash/", "/slash/more"]) assert.equal(await version(row, asked), "v3");
      assert.equal(await status(row, "/onemore"), 404);
      assert.equal(await status(row, "/"), 404);
    },
  },
  {
    name: "an ImplementationSpecific path is exact, or a prefix with a star at its end",
    fields: ["Ingress.rules.http.paths.pathType"],
    manifests: (row) => [
      ...versions(row),
      ingress(row, {
        ingressClassName,
        rules: [
          forHost(
            row,
            path("ImplementationSpecific", "/exact", backend(row, "v2")),
            path("ImplementationSpecific", "/star/*", backend(row, "v2")),
            path("ImplementationSpecific", "/dot.*", backend(row, "v3")),
          ),
        ],
      }),
    ],
    check: async (row) => {
      assert.equal(await version(row, "/exact"), "v2");
      assert.equal(await status(row, "/exact/more"), 404);
      assert.equal(await version(row, "/star/more"), "v2");
      assert.equal(await version(row, "/dot/more"), "v3");
      assert.equal(await status(row, "/other"), 404);
    },
  },
  {
    name: "the longest path of an Ingress wins, Exact before Prefix, whatever the order",
    fields: ["Ingress.rules.http.paths.path"],
    manifests: (row) => [
      ...versions(row),
      ingress(row, {
        ingressClassName,
        rules: [
          forHost(
            row,
            path("ImplementationSpecific", "/*", backend(row, "v3")),
            path("Prefix", "/one", backend(row, "v3")),
            path("Prefix", "/one/two/", backend(row, "v2")),
            path("Exact", "/one/two", backend(row, "v3")),
            path("Prefix", "/", backend(row, "v2")),
          ),
        ],
      }),
    ],
    check: async (row) => {
      assert.equal(await version(row, "/one/two/three"), "v2");
      assert.equal(await version(row, "/one/two"), "v3");
      assert.equal(await version(row, "/one/three"), "v3");
      assert.equal(await version(row, "/"), "v2");
    },
  },
  {
    name: "a wildcard host of an Ingress takes names below it, where no other has them",
    fields: ["Ingress.rules.host"],
    manifests: (row) => [
      ...versions(row),
      ingress(row, {
        ingressClassName,
        rules: [
          { host: `*.${row.publicHost}`, http: { paths: [path("Prefix", "/", backend(row, "v2"))] } },
          { host: `own.${row.publicHost}`, http: { paths: [path("Prefix", "/", backend(row, "v3"))] } },
        ],
      }),
    ],
    check: async (row) => {
      assert.equal(await version(row, "/", { host: `any.${row.publicHost}` }), "v2");
      assert.equal(await version(row, "/", { host: `own.${row.publicHost}` }), "v3");
      assert.equal(await status(row, "/"), 404);
    },
  },
];

const backendRows: readonly Feature[] = [
  {
    name: "a backend's port by name is the number that the Service gives it",
    fields: [
      "Ingress.rules.http.paths.backend.service.port.name",
      "Ingress.rules.http.paths.backend.service.port.number",
    ],
    manifests: (row) => [
      ...row.service({
        suffix: "named",
        portName: "http-named",
        port: row.ports(0),
        to: [row.workload("reviews", "v2")],
      }),
      ingress(row, {
        ingressClassName,
        rules: [
          forHost(
            row,
            path("Prefix", "/name", backend(row, "named", { name: "http-named" })),
            path("Prefix", "/number", backend(row, "named", { number: row.ports(0) })),
            path("Prefix", "/missing", backend(row, "named", { name: "missing" })),
            path("Prefix", "/", backend(row, "named", { number: row.ports(0) })),
          ),
        ],
      }),
    ],
    check: async (row) => {
      assert.equal(await version(row, "/name"), "v2");
      assert.equal(await version(row, "/number"), "v2");
      assert.equal(await status(row, "/missing"), 503);
      assert.match(await row.findings(), /"kind":"Ingress".*"missing.*is no port of a Service/);
    },
  },
  {
    name: "an Ingress's default backend gets what no rule is about",
    alone: true,
    fields: ["Ingress.defaultBackend"],
    manifests: (row) => [
      ...versions(row),
      ingress(row, {
        ingressClassName,
        defaultBackend: backend(row, "v3"),
        rules: [forHost(row, path("Prefix", "/one", backend(row, "v2")))],
      }),
    ],
    check: async (row) => {
      assert.equal(await version(row, "/one"), "v2");
      assert.equal(await version(row, "/two"), "v3");
      assert.equal(await version(row, "/", { host: "nobody.example.com" }), "v3");
    },
  },
  {
    name: "a rule of an Ingress without a host is about every host",
    alone: true,
    fields: ["Ingress.rules.host"],
    manifests: (row) => [
      ...versions(row),
      ingress(row, {
        ingressClassName,
        rules: [{ http: { paths: [path("Prefix", "/any", backend(row, "v2"))] } }],
      }),
    ],
    check: async (row) => {
      assert.equal(await version(row, "/any", { host: "nobody.example.com" }), "v2");
      assert.equal(await status(row, "/", { host: "nobody.example.com" }), 404);
    },
  },
  {
    name: "a backend that is no Service is answered 503, and told of",
    fields: ["Ingress.rules.http.paths.backend.resource"],
    manifests: (row) => [
      ...versions(row),
      ingress(row, {
        ingressClassName,
        rules: [
          forHost(
            row,
            path("Prefix", "/bucket", { resource: { kind: "Bucket", name: "static" } }),
            path("Prefix", "/", backend(row, "v2")),
          ),
        ],
      }),
    ],
    check: async (row) => {
      assert.equal(await status(row, "/bucket/a"), 503);
      assert.equal(await version(row, "/"), "v2");
      assert.match(await row.findings(), /"kind":"Ingress".*resource Bucket .*cannot be served/);
    },
  },
  {
    name: "two Ingresses of one host are both served; of equal paths the older one's",
    fields: ["Ingress.rules"],
    manifests: (row) => [
      ...versions(row),
      ingress(
        row,
        {
          ingressClassName,
          rules: [
            forHost(row, path("Prefix", "/young", backend(row, "v3")), path("Prefix", "/same", backend(row, "v3"))),
          ],
        },
        { suffix: "a-young", createdAt: "2024-02-01T00:00:00Z" },
      ),
      ingress(
        row,
        {
          ingressClassName,
          rules: [
            forHost(row, path("Prefix", "/old", backend(row, "v2")), path("Prefix", "/same", backend(row, "v2"))),
          ],
        },
        { suffix: "b-old", createdAt: "2024-01-01T00:00:00Z" },
      ),
    ],
    check: async (row) => {
      assert.equal(await version(row, "/old"), "v2");
      assert.equal(await version(row, "/young"), "v3");
      assert.equal(await version(row, "/same"), "v2");
      assert.match(await row.findings(), /a-young".*gets no requests for host/);
    },
  },
];

const tlsRows: readonly Feature[] = [
  {
    name: "TLS of an Ingress shows its Secret's certificate for its hosts",
    fields: ["Ingress.tls.hosts", "Ingress.tls.secretName"],
    manifests: (row) => [
      ...versions(row),
      secret(row, pairOf(server)),
      ingress(row, {
        ingressClassName,
        tls: [{ hosts: [row.publicHost], secretName: credential(row) }, { hosts: [`later.${row.publicHost}`] }],
        rules: [forHost(row, path("Prefix", "/", backend(row, "v2")))],
      }),
    ],
    check: async (row) => {
      const probe = { port: at.https, serverName: row.publicHost, root: serverRoot };
      const { received, peerNames } = await row.probeTls(probe);
      assert.match(received, /^HTTP\/1\.1 200/);
      assert.match(peerNames, /DNS:\*\.example\.com/);
      await assert.rejects(row.probeTls({ ...probe, serverName: `later.${row.publicHost}` }));
      assert.equal(await version(row, "/"), "v2", "plain HTTP, too");
      assert.match(await row.findings(), /spec\.tls\[1\]\.secretName is missing/);
    },
  },
  {
    name: "a second TLS entry of an Ingress has a Secret of its own",
    fields: ["Ingress.tls"],
    manifests: (row) => [
      ...versions(row),
      secret(row, pairOf(server)),
      ingress(row, {
        ingressClassName,
        tls: [
          { hosts: [`no.${row.publicHost}`], secretName: "not-made-yet" },
          { hosts: [row.publicHost], secretName: credential(row) },
        ],
        rules: [forHost(row, path("Prefix", "/", backend(row, "v2")))],
      }),
    ],
    check: async (row) => {
      const { received } = await row.probeTls({ port: at.https, serverName: row.publicHost, root: serverRoot });
      assert.match(received, /^HTTP\/1\.1 200/);
    },
  },
];

export const ingressRows: readonly Feature[] = [...pathRows, ...backendRows, ...tlsRows, ...ingressControlRows];
