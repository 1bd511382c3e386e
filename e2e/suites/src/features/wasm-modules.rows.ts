import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moduleArtifact, reportModule } from "@lateen/testkit";
import { askOwn, ownHost, ownService } from "./envoy-filter.ts";
import { digestOf, extension, imageOf, moduleOf, outOnOwnPort, serveImages, stopServing } from "./extensions.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { ownProxy, through } from "./own-proxy.ts";

/** A module says what it was given; it is the same in both kinds. */
const kinds = [
  { kind: "WasmPlugin", prefix: "WasmPlugin", specOf: (wasm: object): object => wasm },
  { kind: "TrafficExtension", prefix: "TrafficExtension.wasm", specOf: (wasm: object): object => ({ wasm }) },
] as const;
type Kind = (typeof kinds)[number];

function file(row: FeatureContext): string {
  return join(tmpdir(), `${row.slug}-${process.pid}.wasm`);
}

/** The row's extension on its own port, of a module that Envoy reads from a file: one of its own, as equal modules share a virtual machine. */
function reporting(row: FeatureContext, { kind, specOf }: Kind, wasm: object): readonly object[] {
  writeFileSync(file(row), reportModule(row.slug));
  const spec = { match: [outOnOwnPort(row)], ...specOf({ url: `file://${file(row)}`, ...wasm }) };
  return [...ownService(row), extension(kind, row.named(), spec)];
}

async function tells(row: FeatureContext, what: string, value: string): Promise<void> {
  try {
    await row.eventually(async () => assert.equal((await askOwn(row)).headers[`${row.slug}-${what}`], value));
  } finally {
    rmSync(file(row), { force: true });
  }
}

/** The row's extension, of an image whose tag moves; the generation is the API server's way to count changes. */
function pulled(
  row: FeatureContext,
  { kind, specOf }: Kind,
  generation: number,
): (policy: string) => readonly object[] {
  return (imagePullPolicy) => {
    serveImages(row);
    const spec = { match: [outOnOwnPort(row)], ...specOf({ url: imageOf(row, "moving:v1"), imagePullPolicy }) };
    return [...ownService(row), extension(kind, { ...row.named(), generation }, spec)];
  };
}

function rowsOf(of: Kind): readonly Feature[] {
  const { kind, prefix } = of;
  const told = [
    {
      name: "its configuration",
      fields: ["pluginConfig"],
      wasm: { pluginConfig: { level: 3 } },
      header: "config",
      value: '{"level":3}',
    },
    {
      name: "the plugin name",
      fields: ["pluginName"],
      wasm: { pluginName: "marker" },
      header: "root",
      value: "marker",
    },
    {
      name: "its own variable",
      fields: ["vmConfig", "vmConfig.env", "vmConfig.env.name", "vmConfig.env.value"],
      wasm: { vmConfig: { env: [{ name: "MODE", value: "fast" }] } },
      header: "env",
      value: "MODE=fast",
    },
    {
      name: "a variable of the proxy",
      fields: ["vmConfig.env.valueFrom"],
      wasm: { vmConfig: { env: [{ name: "PATH", valueFrom: "HOST" }] } },
      header: "env",
      value: `PATH=${process.env["PATH"] ?? ""}`,
    },
  ];
  return [
    ...told.map(({ name, fields, wasm, header, value }) => ({
      name: `${kind} tells ${name}`,
      fields: fields.map((field) => `${prefix}.${field}`),
      service: false as const,
      manifests: (row: FeatureContext) => reporting(row, of, wasm),
      check: (row: FeatureContext) => tells(row, header, value),
    })),
    ...(["Always", "IfNotPresent"] as const).map((policy) => moving(of, policy)),
  ];
}

/** The image behind a tag changes, then the object does. */
function moving(of: Kind, policy: "Always" | "IfNotPresent"): Feature {
  return {
    name: `${of.kind}: ${policy} ${policy === "Always" ? "asks again for a tag" : "keeps what is there"}`,
    fields: [`${of.prefix}.imagePullPolicy`],
    service: false,
    manifests(row) {
      serveImages(row).put("team/moving", "v1", moduleArtifact(moduleOf(row)));
      return pulled(row, of, 1)(policy);
    },
    async check(row) {
      try {
        await row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug));
        serveImages(row).put("team/moving", "v1", moduleArtifact(reportModule(`${row.slug}-moved`)));
        await row.rewrite([...pulled(row, of, 2)(policy)]);
        const now = policy === "Always" ? `${row.slug}-moved-config` : "x-row";
        await row.eventually(async () => assert.ok((await askOwn(row)).headers[now] !== undefined));
      } finally {
        stopServing(row);
      }
    },
  };
}

export const wasmModulesRows: readonly Feature[] = [
  ...kinds.flatMap(rowsOf),
  {
    name: "a TrafficExtension's image is pinned by the digest of its manifest",
    fields: ["TrafficExtension.wasm.sha256"],
    service: false,
    manifests: (row) => {
      const image = moduleArtifact(moduleOf(row));
      serveImages(row);
      const wasm = { url: imageOf(row, "artifact:v1"), sha256: digestOf(image.manifest) };
      const closed = { url: imageOf(row, "artifact:v1"), sha256: "0".repeat(64) };
      const otherPort = { mode: "CLIENT", ports: [{ number: row.ports(1) }] };
      return [
        ...ownService(row),
        ...row.service({ suffix: "closed", port: row.ports(1), portName: "http", to: [row.workload("reviews", "v1")] }),
        extension("TrafficExtension", row.named(), { match: [outOnOwnPort(row)], wasm }),
        extension("TrafficExtension", row.named("closed"), { match: [otherPort], wasm: closed }),
      ];
    },
    async check(row) {
      try {
        await row.eventually(async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug));
        const host = row.mesh.host(row.named("closed").name);
        await row.eventually(async () => assert.equal((await row.ask({ port: row.ports(1), host })).status, 403));
      } finally {
        stopServing(row);
      }
    },
  },
  {
    name: "a selector picks the workloads of a WasmPlugin",
    fields: ["WasmPlugin.selector"],
    service: false,
    manifests: (row) => {
      writeFileSync(file(row), moduleOf(row));
      const selector = { matchLabels: { row: row.slug } };
      return [...ownService(row), extension("WasmPlugin", row.named(), { selector, url: `file://${file(row)}` })];
    },
    async check(row) {
      await using proxy = await ownProxy(row);
      const asked = { port: row.ports(0), host: ownHost(row) };
      await row.eventually(async () => (await through(row, proxy, asked)).headers["x-row"] === row.slug);
      assert.equal((await askOwn(row)).headers["x-row"], undefined);
      rmSync(file(row), { force: true });
    },
  },
];
