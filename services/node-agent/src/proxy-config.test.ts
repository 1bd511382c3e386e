import assert from "node:assert/strict";
import { test } from "node:test";
import { readProxyConfig } from "./proxy-config.ts";

const stats = { prefixes: [], suffixes: [], regexps: [], extraTags: [], compressed: true };
const unsaid = {
  ...{ drainMs: 5_000, listenerDrainMs: 45_000, runtimeValues: {}, files: {}, flush: { intervalMs: 1_000 } },
  ...{ stats, adminPort: 15_000, statusPort: 15_020, moreRoots: [], plaintextPilot: false },
};

const accepted = [
  { name: "nothing", text: "{}", expected: unsaid },
  { name: "an empty text", text: "", expected: unsaid },
  {
    name: "JSON, as the injector writes it",
    text: '{"discoveryAddress":"pilot:15012","concurrency":0,"terminationDrainDuration":"1.5s"}',
    expected: { ...unsaid, discoveryAddress: "pilot:15012", concurrency: 0, drainMs: 1_500 },
  },
  {
    name: "YAML",
    text: "discoveryAddress: pilot:15012\nconcurrency: 4\n",
    expected: { ...unsaid, discoveryAddress: "pilot:15012", concurrency: 4 },
  },
  {
    name: "what listeners and runtime are to be",
    text: 'drainDuration: 1m2s\nruntimeValues: { a.b: true, c: "1", d: "" }\n',
    expected: { ...unsaid, listenerDrainMs: 62_000, runtimeValues: { "a.b": true, c: "1" } },
  },
  {
    name: "a tracer",
    text: "tracing: {datadog: {address: $(HOST_IP):8126}, tlsSettings: {mode: SIMPLE}}",
    expected: {
      ...unsaid,
      tracer: { kind: "datadog", service: { address: "$(HOST_IP):8126", tls: { mode: "SIMPLE" } } },
    },
  },
  {
    name: "a tracer as it was written once",
    text: "zipkinAddress: zipkin:9411",
    expected: { ...unsaid, tracer: { kind: "zipkin", service: { address: "zipkin:9411" } } },
  },
  {
    name: "statistics and ports",
    text: `{"proxyStatsMatcher": {"inclusionPrefixes": ["a"], "inclusionSuffixes": ["b"], "inclusionRegexps": ["c.*"]},
      "extraStatTags": ["d"], "statsdUdpAddress": "10.0.0.1:9125", "proxyAdminPort": 1, "statusPort": 2,
      "envoyMetricsService": {"address": "metrics:15000", "tcpKeepalive": {"probes": 3}},
      "envoyAccessLogService": {"address": "logs:15000", "tlsSettings": {"mode": "ISTIO_MUTUAL"}}}`,
    expected: {
      ...unsaid,
      accessLogService: { address: "logs:15000", tls: { mode: "ISTIO_MUTUAL" } },
      stats: {
        ...{ prefixes: ["a"], suffixes: ["b"], regexps: ["c.*"], extraTags: ["d"], statsdAddress: "10.0.0.1:9125" },
        metricsService: { address: "metrics:15000", keepalive: { probes: 3 } },
        compressed: true,
      },
      adminPort: 1,
      statusPort: 2,
    },
  },
  {
    name: "Istio's own defaults, written out",
    text: `{"configPath": "./etc/istio/proxy", "binaryPath": "/usr/local/bin/envoy", "controlPlaneAuthPolicy": "MUTUAL_TLS",
      "envoyAccessLogService": {}, "envoyMetricsService": {}, "statNameLength": 189}`,
    expected: { ...unsaid, files: { directory: "/etc/istio/proxy", binary: "/usr/local/bin/envoy" } },
  },
  {
    name: "keys, roots, files and who is talked to",
    text: `{"privateKeyProvider": {"qat": {"pollDelay": "0.005s", "fallback": true}}, "caCertificatesPem": ["PEM"], "meshId": "blue",
      "fileFlushInterval": "250ms", "fileFlushMinSizeKb": 128, "statsCompression": false, "controlPlaneAuthPolicy": "NONE",
      "envoyMetricsServiceAddress": "metrics:1", "envoyAccessLogService": {"address": "logs:2"}, "customConfigFile": "/a.json",
      "connectionSettings": {"globalDownstreamConnectionLimit": 9}}`,
    expected: {
      ...unsaid,
      ...{ keyProvider: { name: "qat", pollDelayMs: 5, fallback: true }, moreRoots: ["PEM"], meshId: "blue" },
      ...{ flush: { intervalMs: 250, minSizeKb: 128 }, plaintextPilot: true, files: { bootstrap: "/a.json" } },
      stats: { ...stats, compressed: false, metricsService: { address: "metrics:1" } },
      ...{ accessLogService: { address: "logs:2" }, connectionLimit: 9 },
    },
  },
];
for (const { name, text, expected } of accepted)
  test(`ProxyConfig: ${name}`, async () => {
    const { raw: _raw, ...read } = await readProxyConfig(text);
    assert.deepEqual(read, expected);
  });

const refused = [
  { text: "concurrency: -1", message: /PROXY_CONFIG concurrency is -1; write a whole number/ },
  { text: "concurrency: many", message: /PROXY_CONFIG concurrency is "many"/ },
  {
    text: "terminationDrainDuration: five",
    message: /PROXY_CONFIG terminationDrainDuration is "five"; write a duration/,
  },
  { text: "runtimeValues: 5", message: /PROXY_CONFIG runtimeValues is 5; write names with values/ },
  { text: "tracing: {zipkin: {address: zipkin}}", message: /tracing.zipkin.address is "zipkin"; write host and port/ },
  { text: "statusPort: 0", message: /statusPort is 0; write a port from 1 to 65535/ },
  { text: "extraStatTags: a", message: /extraStatTags is "a"; write a list of texts/ },
  { text: "just a word", message: /PROXY_CONFIG is not an object/ },
];
for (const { text, message } of refused)
  test(`ProxyConfig refused: ${text}`, async () => await assert.rejects(readProxyConfig(text), message));
