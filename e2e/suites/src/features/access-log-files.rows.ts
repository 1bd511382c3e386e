import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { telemetry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { logging, logProvider as field } from "./access-log-providers.ts";

/** One file for a row, made when it is first named. */
export function pathOf(row: FeatureContext): string {
  const known = paths.get(row.slug) ?? row.fileWith("log", "");
  paths.set(row.slug, known);
  return known;
}

const paths = new Map<string, string>();

export const written = (row: FeatureContext): string => readFileSync(pathOf(row), "utf8");

/** Asks until a line of the log is as wanted. */
async function lineIn(
  row: FeatureContext,
  log: () => string,
  wanted: RegExp,
  asked: Parameters<FeatureContext["ask"]>[0] = "/logged",
): Promise<string> {
  let found: string | undefined;
  await row.eventually(async () => {
    await row.ask(asked);
    found = log()
      .split("\n")
      .find((line) => wanted.test(line));
    assert.ok(found, log().slice(-2_000));
  });
  return found ?? "";
}

/** Lines of text or JSON, in a file or on the standard output. */
export const accessLogFileRows: readonly Feature[] = [
  {
    name: "a mesh that names a file has requests logged there as Istio writes them",
    fields: ["MeshConfig.accessLogFile"],
    alone: true,
    meshConfig: (row) => ({ accessLogFile: pathOf(row) }),
    manifests: () => [],
    check: async (row) => {
      const line = await lineIn(row, () => written(row), /\/logged .*outbound\|/);
      assert.match(line, /^\[.+\] "GET \/logged HTTP\/1\.1" 200 - via_upstream - "-" 0 \d+ \d+ \d+ /);
      assert.ok(line.includes(`outbound|${row.port}||${row.host}`), line);
    },
  },
  {
    name: "a mesh writes its lines in a format of its own",
    fields: ["MeshConfig.accessLogFormat"],
    alone: true,
    meshConfig: (row) => ({ accessLogFile: pathOf(row), accessLogFormat: "own %REQ(:PATH)% %RESPONSE_CODE%" }),
    manifests: () => [],
    check: async (row) => {
      const line = await lineIn(row, () => written(row), /^own /);
      assert.equal(line, "own /logged 200", "Istio ends the line");
    },
  },
  {
    name: "a mesh writes its lines as JSON",
    fields: ["MeshConfig.accessLogEncoding"],
    alone: true,
    meshConfig: (row) => ({ accessLogFile: pathOf(row), accessLogEncoding: "JSON" }),
    manifests: () => [],
    check: async (row) => {
      const line = await lineIn(row, () => written(row), /"path":"\/logged".*"outbound\|/);
      const { method, response_code, authority } = JSON.parse(line) as Record<string, unknown>;
      assert.deepEqual([method, response_code, authority], ["GET", 200, `${row.host}:${row.port}`]);
    },
  },
  {
    name: "a format of the mesh may be JSON, too",
    fields: ["MeshConfig.accessLogFormat", "MeshConfig.accessLogEncoding"],
    alone: true,
    meshConfig: (row) => ({
      ...{ accessLogFile: pathOf(row), accessLogEncoding: "JSON" },
      accessLogFormat: JSON.stringify({ mine: "%REQ(:PATH)%", code: "%RESPONSE_CODE%" }),
    }),
    manifests: () => [],
    check: async (row) => {
      const line = await lineIn(row, () => written(row), /mine/);
      assert.deepEqual(JSON.parse(line), { mine: "/logged", code: 200 });
    },
  },
  {
    name: "the default provider of access logs is a file with a text of its own",
    fields: [
      "MeshConfig.defaultProviders.accessLogging",
      field("envoyFileAccessLog", "path"),
      field("envoyFileAccessLog", "logFormat.text"),
    ],
    ...logging("envoyFileAccessLog", (row) => ({
      path: pathOf(row),
      logFormat: { text: "own %REQ(X-ABSENT)% %REQ_WITHOUT_QUERY(:PATH)%" },
    })),
    manifests: () => [],
    check: async (row) => {
      const line = await lineIn(row, () => written(row), /^own /, "/logged?secret");
      assert.equal(line, "own - /logged");
    },
  },
  {
    name: "a file's lines are JSON of chosen labels, without what is empty",
    fields: [field("envoyFileAccessLog", "logFormat.labels"), field("envoyFileAccessLog", "omitEmptyValues")],
    ...logging("envoyFileAccessLog", (row) => ({
      path: pathOf(row),
      logFormat: { labels: { path: "%REQ(:PATH)%", code: "%RESPONSE_CODE%", absent: "%REQ(X-ABSENT)%" } },
      omitEmptyValues: true,
    })),
    manifests: () => [],
    check: async (row) => {
      const line = await lineIn(row, () => written(row), /logged/);
      assert.deepEqual(JSON.parse(line), { path: "/logged", code: 200 });
    },
  },
  {
    name: "no labels at all are Istio's labels",
    fields: [field("envoyFileAccessLog", "logFormat.labels")],
    ...logging("envoyFileAccessLog", (row) => ({ path: pathOf(row), logFormat: { labels: {} } })),
    manifests: () => [],
    check: async (row) => {
      const line = await lineIn(row, () => written(row), /logged/);
      assert.equal((JSON.parse(line) as Record<string, unknown>)["response_code"], 200);
    },
  },
  {
    name: "a file without a path is the standard output, and Istio's own provider has the mesh's format",
    fields: ["MeshConfig.accessLogFormat", "Telemetry.accessLogging.providers.name"],
    alone: true,
    meshConfig: () => ({
      accessLogFormat: "ours %REQ(:PATH)%",
      extensionProviders: [{ name: "envoy", envoyFileAccessLog: {} }],
    }),
    manifests: (row) => [
      telemetry({ namespace: "istio-system", name: row.slug }, { accessLogging: [{ providers: [{ name: "envoy" }] }] }),
    ],
    check: async (row) => {
      await lineIn(row, () => row.proxy().output, /^ours \/logged$/);
    },
  },
];
