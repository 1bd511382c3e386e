import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { headerModule, moduleArtifact } from "@lateen/testkit";
import type { ImageRegistry } from "@lateen/testkit";
import { askOwn, ownService } from "./envoy-filter.ts";
import {
  digestOf,
  imageOf,
  moduleOf,
  outOnOwnPort,
  serveImages,
  serveModule,
  stopServing,
  trafficExtension,
  wasmPlugin,
} from "./extensions.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { attachedRow } from "./target-refs.ts";

const kind = "WasmPlugin";

/** A row about a module that the proxy's agent fetches. */
function fetching(row: FeatureContext, spec: (origin: string) => object): readonly object[] {
  return withPlugin(row, spec(serveModule(row)));
}

/** A row about an image that the proxy's agent pulls. */
function pulling(
  row: FeatureContext,
  login: { readonly user?: string },
  spec: (registry: ImageRegistry) => object,
): readonly object[] {
  return withPlugin(
    row,
    spec(serveImages(row, login.user === undefined ? {} : { authentication: "bearer", ...login })),
  );
}

function withPlugin(row: FeatureContext, spec: object): readonly object[] {
  return [...ownService(row), wasmPlugin(row, { match: [outOnOwnPort(row)], ...spec })];
}

function encoded(user: string): string {
  return Buffer.from(user).toString("base64");
}

/** As `kubectl create secret docker-registry` makes it. */
function dockerLogin(row: FeatureContext, user: string): object {
  const config = JSON.stringify({ auths: { [`127.0.0.1:${row.ports(3)}`]: { auth: encoded(user) } } });
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/dockerconfigjson",
    metadata: row.named("login"),
    stringData: { ".dockerconfigjson": config },
  };
}

async function withServer(row: FeatureContext, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } finally {
    stopServing(row);
  }
}

function moduleFile(row: FeatureContext, value: string): string {
  return join(tmpdir(), `${row.slug}-${value}-${process.pid}.wasm`);
}

function attachedPlugin(field: "targetRef" | "targetRefs"): Feature {
  const row = attachedRow(kind, field, (context, attachment, value) => {
    const file = moduleFile(context, value);
    writeFileSync(file, headerModule("x-row", value));
    return wasmPlugin(context, { ...attachment, url: `file://${file}` }, value);
  });
  return {
    ...row,
    check: async (context) => {
      try {
        await row.check(context);
      } finally {
        for (const value of ["attached", "to-another"]) rmSync(moduleFile(context, value));
      }
    },
  };
}

export const wasmPluginRows: readonly Feature[] = [
  attachedPlugin("targetRef"),
  attachedPlugin("targetRefs"),
  {
    name: "the agent fetches a module, and checks it by its digest",
    fields: [`${kind}.url`, `${kind}.sha256`, `${kind}.phase`, `${kind}.priority`, `${kind}.type`],
    service: false,
    manifests: (row) =>
      fetching(row, (origin) => ({
        url: `${origin}/module.wasm`,
        sha256: digestOf(moduleOf(row)),
        phase: "AUTHN",
        priority: 5,
        type: "HTTP",
      })),
    check: (row) =>
      withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug))),
  },
  {
    name: "a module is fetched without a digest, with a configuration and variables",
    fields: [
      `${kind}.imagePullPolicy`,
      `${kind}.pluginConfig`,
      `${kind}.pluginName`,
      `${kind}.vmConfig.env.name`,
      `${kind}.vmConfig.env.value`,
      `${kind}.vmConfig.env.valueFrom`,
    ],
    service: false,
    manifests: (row) =>
      fetching(row, (origin) => ({
        url: `${origin}/module.wasm`,
        imagePullPolicy: "Always",
        pluginConfig: { level: 3 },
        pluginName: "marker",
        vmConfig: {
          env: [
            { name: "MODE", value: "fast" },
            { name: "HOME", valueFrom: "HOST" },
          ],
        },
      })),
    check: (row) =>
      withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug))),
  },
  {
    name: "a module of another digest closes the door",
    fields: [`${kind}.sha256`, `${kind}.failStrategy`],
    service: false,
    manifests: (row) => fetching(row, (origin) => ({ url: `${origin}/module.wasm`, sha256: "0".repeat(64) })),
    check: (row) => withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).status, 403))),
  },
  {
    name: "a module that is not there lets through where it may",
    fields: [`${kind}.failStrategy`],
    service: false,
    manifests: (row) => fetching(row, (origin) => ({ url: `${origin}/missing.wasm`, failStrategy: "FAIL_OPEN" })),
    check: (row) =>
      withServer(row, async () => {
        await row.eventually(async () => (await askOwn(row)).status === 200);
        assert.equal((await askOwn(row)).headers["x-row"], undefined);
      }),
  },
  {
    name: "the agent pulls a module from a registry of images",
    fields: [`${kind}.url`],
    service: false,
    manifests: (row) => pulling(row, {}, () => ({ url: imageOf(row, "artifact:v1") })),
    check: (row) =>
      withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug))),
  },
  {
    name: "an image without a scheme is pinned by the digest of its manifest",
    fields: [`${kind}.url`, `${kind}.sha256`],
    service: false,
    manifests: (row) =>
      pulling(row, {}, (registry) => {
        const digest = registry.put("team/pinned", "v1", moduleArtifact(moduleOf(row)));
        registry.put("team/pinned", "v1", moduleArtifact(Buffer.from("another")));
        const url = imageOf(row, `pinned@${digest}`).slice("oci://".length);
        return { url, sha256: digest.slice("sha256:".length) };
      }),
    check: (row) =>
      withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug))),
  },
  {
    name: "an image of Docker's has its module in a layer",
    fields: [`${kind}.url`],
    service: false,
    manifests: (row) => pulling(row, {}, () => ({ url: imageOf(row, "image:v1") })),
    check: (row) =>
      withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug))),
  },
  {
    name: "an image of another digest closes the door",
    fields: [`${kind}.sha256`],
    service: false,
    manifests: (row) => pulling(row, {}, () => ({ url: imageOf(row, "artifact:v1"), sha256: "0".repeat(64) })),
    check: (row) => withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).status, 403))),
  },
  {
    name: "an image whose tag is not there lets through where it may",
    fields: [`${kind}.failStrategy`],
    service: false,
    manifests: (row) => pulling(row, {}, () => ({ url: imageOf(row, "artifact:v2"), failStrategy: "FAIL_OPEN" })),
    check: (row) =>
      withServer(row, async () => {
        await row.eventually(async () => (await askOwn(row)).status === 200);
        assert.equal((await askOwn(row)).headers["x-row"], undefined);
      }),
  },
  {
    name: "a Secret opens a registry that asks who it is",
    fields: [`${kind}.imagePullSecret`],
    service: false,
    manifests: (row) => [
      ...pulling(row, { user: "ann:s3cret" }, () => ({
        url: imageOf(row, "artifact:v1"),
        imagePullSecret: row.named("login").name,
      })),
      dockerLogin(row, "ann:s3cret"),
    ],
    check: (row) =>
      withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug))),
  },
  {
    name: "a Secret opens a registry to a TrafficExtension",
    fields: ["TrafficExtension.wasm.imagePullSecret"],
    service: false,
    manifests: (row) => {
      serveImages(row, { authentication: "bearer", user: "ann:s3cret" });
      const wasm = { url: imageOf(row, "artifact:v1"), imagePullSecret: row.named("login").name };
      const extended = trafficExtension(row, { match: [outOnOwnPort(row)], wasm });
      return [...ownService(row), extended, dockerLogin(row, "ann:s3cret")];
    },
    check: (row) =>
      withServer(row, () => row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug))),
  },
  {
    name: "another password keeps a registry closed, and is in no page",
    fields: [`${kind}.imagePullSecret`],
    service: false,
    manifests: (row) => [
      ...pulling(row, { user: "ann:s3cret" }, () => ({
        url: imageOf(row, "artifact:v1"),
        imagePullSecret: row.named("login").name,
      })),
      dockerLogin(row, "ann:wrong"),
    ],
    check: (row) =>
      withServer(row, async () => {
        await row.eventually(async () => assert.equal((await askOwn(row)).status, 403));
        const dump = await row.proxy().admin.configDump();
        assert.ok(dump.includes(`shop.${row.named().name}`), "the extension is in it");
        assert.ok(!dump.includes(encoded("ann:wrong")));
      }),
  },
  {
    name: "an image that comes late opens the door",
    fields: [`${kind}.url`],
    service: false,
    manifests: (row) => pulling(row, {}, () => ({ url: imageOf(row, "late:v1") })),
    check: (row) =>
      withServer(row, async () => {
        await row.eventually(async () => assert.equal((await askOwn(row)).status, 403));
        serveImages(row).put("team/late", "v1", moduleArtifact(moduleOf(row)));
        await row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug));
      }),
  },
];
