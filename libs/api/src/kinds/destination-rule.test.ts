import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSpec, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const cases: readonly SpecCase[] = [
  [
    "a full rule",
    `
host: reviews
trafficPolicy:
  loadBalancer: {consistentHash: {httpCookie: {name: user, ttl: 0s}, maglev: {tableSize: 65537}}}
  connectionPool: {tcp: {maxConnections: 10, connectTimeout: 30ms}, http: {http2MaxRequests: 5, idleTimeout: 1h}}
  outlierDetection: {consecutive5xxErrors: 7, interval: 5m, baseEjectionTime: 15m, maxEjectionPercent: 50}
  tls: {mode: MUTUAL, credentialName: client}
  portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: ROUND_ROBIN}}]
subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}]`,
  ],
  ["nothing at all", "{}", "spec.host host"],
  ["an empty policy", "host: a\ntrafficPolicy: {}", "spec.trafficPolicy required"],
  [
    "subsets",
    'host: a\nsubsets: [{labels: {a: b}}, {name: v1}, {name: v1}, {name: V_1, labels: {"a b": "c d"}}]',
    "spec.subsets[0].name required",
    "spec.subsets[2].name duplicate",
    "spec.subsets[3].name subset",
    'spec.subsets[3].labels["a b"] label',
    'spec.subsets[3].labels["a b"] label',
  ],
  [
    "numbers",
    "host: a\ntrafficPolicy: {outlierDetection: {maxEjectionPercent: 101, minHealthPercent: -1}, connectionPool: {http: {maxRetries: -1}}}",
    "spec.trafficPolicy.connectionPool.http.maxRetries range",
    "spec.trafficPolicy.outlierDetection.maxEjectionPercent percent",
    "spec.trafficPolicy.outlierDetection.minHealthPercent percent",
  ],
  [
    "two balancers",
    "host: a\ntrafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}",
    "spec.trafficPolicy.loadBalancer.consistentHash oneof-conflict",
  ],
  [
    "hash of nothing, table not prime",
    "host: a\ntrafficPolicy: {loadBalancer: {consistentHash: {maglev: {tableSize: 100}}}}",
    "spec.trafficPolicy.loadBalancer.consistentHash required",
    "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize range",
  ],
  [
    "client TLS",
    "host: a\ntrafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /a}}",
    "spec.trafficPolicy.tls.privateKey required",
  ],
  [
    "secrets of a service",
    "host: a\ntrafficPolicy: {tls: {mode: SIMPLE, credentialName: 'sds://vault'}}",
    "spec.trafficPolicy.tls.credentialName not-built",
  ],
  [
    "ISTIO_MUTUAL with files",
    "host: a\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL, caCertificates: /a}}",
    "spec.trafficPolicy.tls.caCertificates conflict",
  ],
  [
    "a port twice, one missing",
    "host: a\ntrafficPolicy: {portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}, {tls: {}}]}",
    "spec.trafficPolicy.portLevelSettings[1].port.number duplicate",
    "spec.trafficPolicy.portLevelSettings[2].port required",
  ],
  [
    "what is not built",
    "host: a\ntrafficPolicy: {outlierDetection: {consecutiveErrors: 1}}",
    "warning spec.trafficPolicy.outlierDetection.consecutiveErrors not-built",
  ],
  [
    "localities: shares, failover and labels",
    "host: a\nsubsets: [{name: x, trafficPolicy: {outlierDetection: {interval: 1s}, loadBalancer: {localityLbSetting: {failover: [{from: eu, to: us}]}}}}]\ntrafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: eu/*, to: {'eu/west/*': 80, us: 20}}]}}}",
  ],
  [
    "shares that do not add up, or overlap",
    "host: a\ntrafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: eu/*/x, to: {eu: 50, eu/west: 40, us: 0}}, {from: us}]}}}",
    "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].from locality",
    "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to.us range",
    "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to range",
    'spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to["eu/west"] overlap',
    "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[1].to required",
  ],
  [
    "failover without outlier detection, to itself, of a zone",
    "host: a\ntrafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: eu, to: eu}, {from: us/a, to: eu}]}}}",
    "warning spec.trafficPolicy.loadBalancer.localityLbSetting.failover no-outlier-detection",
    "spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0] conflict",
    "spec.trafficPolicy.loadBalancer.localityLbSetting.failover[1].from locality",
  ],
  [
    "localities in two ways, zones by label",
    "host: a\ntrafficPolicy: {loadBalancer: {localityLbSetting: {enabled: true}, zoneAwareLbSetting: {failoverPriority: [topology.kubernetes.io/zone], minClusterSize: 0}}}",
    "spec.trafficPolicy.loadBalancer.zoneAwareLbSetting conflict",
    "warning spec.trafficPolicy.loadBalancer.zoneAwareLbSetting partly-built",
    "spec.trafficPolicy.loadBalancer.zoneAwareLbSetting.failoverPriority[0] conflict",
    "spec.trafficPolicy.loadBalancer.zoneAwareLbSetting.minClusterSize range",
  ],
  [
    "tunnels, PROXY headers and budgets",
    "host: a\ntrafficPolicy: {tunnel: {targetHost: b.com, targetPort: 443}, proxyProtocol: {version: V2}, retryBudget: {percent: 10, budgetInterval: 0s}}",
  ],
  [
    "a tunnel to nowhere, more than all retries",
    "host: a\ntrafficPolicy: {tunnel: {protocol: GET}, retryBudget: {percent: 101}}",
    "spec.trafficPolicy.tunnel.protocol value",
    "spec.trafficPolicy.tunnel.targetHost required",
    "spec.trafficPolicy.tunnel.targetPort port",
    "spec.trafficPolicy.retryBudget.percent percent",
  ],
  [
    "weights by utilization, statuses that count",
    "host: a\ntrafficPolicy: {loadBalancer: {backendUtilization: {weightUpdatePeriod: 50ms}}, outlierDetection: {outlierDetectionHttpErrorCodes: [429, 99, 600]}}",
    "spec.trafficPolicy.loadBalancer.backendUtilization.weightUpdatePeriod duration",
    "spec.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[1] range",
    "spec.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[2] range",
  ],
  [
    "warm-up of what does not warm up, twice",
    "host: a\ntrafficPolicy: {loadBalancer: {simple: RANDOM, warmup: {duration: 1s}, warmupDurationSecs: 1s}}",
    "spec.trafficPolicy.loadBalancer.warmupDurationSecs conflict",
    "warning spec.trafficPolicy.loadBalancer.warmup no-effect",
  ],
  [
    "half a keepalive",
    "host: a\ntrafficPolicy: {connectionPool: {http: {http2KeepAlive: {interval: 1s}}}}",
    "spec.trafficPolicy.connectionPool.http.http2KeepAlive.timeout required",
  ],
];

for (const [name, spec, ...said] of cases) {
  test(`${name}${said.length === 0 ? " is good" : ""}`, () => {
    const result = decodeSpec("DestinationRule", spec);
    assert.deepEqual(
      summary(result).sort(),
      [...said].sort(),
      result.ok ? undefined : result.violations.map((each) => `${each.path}: ${each.message}`).join("\n"),
    );
    assert.equal(
      result.ok,
      said.every((each) => each.startsWith("warning ")),
    );
  });
}
