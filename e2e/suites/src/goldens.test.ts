import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, suite, test } from "node:test";
import { envoyVersion, oldestEnvoyVersion } from "@lateen/binaries";
import { adsBootstrap, eventually, startEnvoy, TempDir } from "@lateen/e2e-harness";
import {
  type Case,
  type EnvoyExtensions,
  envoyExtensionsPath,
  expectGolden,
  headerModule,
  listCases,
  runsOn,
} from "@lateen/testkit";
import { createAuthority } from "./certificates.ts";
import { type Credentials, goldenResources } from "./golden-resources.ts";
import { type EnvoyNode, StaticAds } from "./static-ads.ts";

const cases = await listCases();
const runs = await runsOf(cases);

/** Every golden in front of a real Envoy, without the compiler or the xDS server of the product. */
suite("goldens", { concurrency: 2 }, () => {
  const owned = new AsyncDisposableStack();
  let credentials: Credentials;

  before(async () => {
    const directory = owned.use(await TempDir.create());
    const authority = await createAuthority();
    const certificate = { ...(await authority.issue(["case.example.com"])), rootPem: authority.rootPem };
    const files = {
      certificate: directory.join("cert.pem"),
      privateKey: directory.join("key.pem"),
      root: directory.join("root.pem"),
      revoked: directory.join("revoked.pem"),
      wasm: directory.join("module.wasm"),
    };
    await writeFile(files.wasm, headerModule("x-module", "here"));
    await writeFile(files.certificate, certificate.certificate);
    await writeFile(files.privateKey, certificate.privateKey);
    await writeFile(files.root, certificate.rootPem);
    await writeFile(files.revoked, await authority.revoke());
    credentials = { certificate, files };
  });
  after(() => owned.disposeAsync());

  test("there are cases", () => assert.ok(cases.length >= 10, `${cases.length} cases`));

  for (const [scenario, version] of runs) {
    test(`${scenario.name}: a running Envoy ${version} says yes to every type`, async () => {
      const { resources, types } = await goldenResources(scenario, credentials);
      await using ads = await StaticAds.start(resources);
      await using envoy = await startEnvoy({
        name: scenario.name,
        bootstrap: bootstrapFor(ads.port),
        waitUntilLive: false,
        ...(version === envoyVersion ? {} : { version }),
      });
      const isRefused = (): boolean => ads.verdicts.some(({ refused }) => refused !== undefined);
      const isComplete = (): boolean =>
        ads.pending.size === 0 && [...types].every((type) => ads.verdicts.some(({ typeUrl }) => typeUrl === type));
      await eventually(() => isRefused() || isComplete(), { what: `a verdict on ${[...types].join(", ")}` });
      assert.deepEqual(
        ads.verdicts.filter(({ refused }) => refused !== undefined),
        [],
      );
      assert.equal((await envoy.admin.updates()).rejected, 0, envoy.process.tail());
    });
  }

  for (const version of [envoyVersion, oldestEnvoyVersion]) {
    test(`Envoy ${version} contains what libs/testkit/envoys says`, async () => {
      await using ads = await StaticAds.start([]);
      await using _envoy = await startEnvoy({
        name: "extensions",
        bootstrap: bootstrapFor(ads.port),
        waitUntilLive: false,
        version,
      });
      await eventually(() => ads.node !== undefined, { what: "a request" });
      await expectGolden(envoyExtensionsPath(version), extensionsOf(ads.node?.extensions ?? []));
    });
  }

  test("the way the cases are served shows a refusal", async () => {
    const bad = {
      name: "bad",
      typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
      value: new Uint8Array([0xff]),
    };
    await using ads = await StaticAds.start([bad]);
    await using _envoy = await startEnvoy({ name: "bad", bootstrap: bootstrapFor(ads.port), waitUntilLive: false });
    await eventually(() => ads.verdicts.some(({ refused }) => refused !== undefined), { what: "a refusal" });
  });
});

function extensionsOf(listed: EnvoyNode["extensions"]): EnvoyExtensions {
  const names = [...new Set(listed.map(({ name }) => name))].sort();
  const typesOf = (name: string): string[] =>
    listed.filter((extension) => extension.name === name).flatMap(({ typeUrls }) => typeUrls);
  return Object.fromEntries(names.map((name) => [name, [...new Set(typesOf(name))].sort()]));
}

/** Each case on the newest and the oldest release it is for. */
async function runsOf(cases: readonly Case[]): Promise<readonly (readonly [Case, string])[]> {
  const all = cases.flatMap((scenario) =>
    [envoyVersion, oldestEnvoyVersion].map((version) => [scenario, version] as const),
  );
  const wanted = await Promise.all(all.map(([scenario, version]) => runsOn(scenario, version)));
  return all.filter((_run, index) => wanted[index]);
}

/** A plain bootstrap plus what an agent would add, with names that do not resolve failing at once. */
function bootstrapFor(port: number): object {
  const node = { type: "sidecar", address: "127.0.0.1", pod: "case", namespace: "default" } as const;
  const bootstrap = adsBootstrap({ node, xds: { address: "127.0.0.1", port }, protocol: "GRPC" }) as {
    static_resources: { clusters: { name: string }[] };
  };
  const [xds] = bootstrap.static_resources.clusters;
  const clusters = [...bootstrap.static_resources.clusters, { ...xds, name: "sds-grpc" }];
  return { ...bootstrap, static_resources: { clusters }, typed_dns_resolver_config: deadResolver };
}

const deadResolver = {
  name: "envoy.network.dns_resolver.cares",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
    resolvers: [{ socket_address: { address: "127.0.0.1", port_value: 9 } }],
    dns_resolver_options: { use_tcp_for_dns_lookups: true, no_default_search_domain: true },
  },
};
