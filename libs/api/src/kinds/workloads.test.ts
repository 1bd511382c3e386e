import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeSpec, decodeText, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const entry = "hosts: [a.com]\nresolution: STATIC\nports: [{number: 80, name: http}";

const cases = {
  ServiceEntry: [
    ["a socket", `${entry}]\nendpoints: [{address: "unix:///run/a"}, {address: "unix://@a"}]`],
    [
      "a socket for two ports, or with one of its own",
      `${entry}, {number: 81, name: b}]\nendpoints: [{address: "unix:///run/a", ports: {http: 1}}]`,
      "spec.endpoints[0].ports conflict",
      "spec.endpoints[0].address conflict",
    ],
    [
      "a socket's relative path",
      `${entry}]\nendpoints: [{address: "unix://run/a"}]`,
      "spec.endpoints[0].address address",
    ],
  ],
  WorkloadEntry: [
    ["an address", "address: 10.0.0.1\nports: {http: 80}\nlabels: {app: a}\nlocality: eu/1/2\nnetwork: n\nweight: 2"],
    ["a name", "address: a.example.com"],
    ["a socket", "address: unix:///run/a"],
    ["nothing at all", "{}", "spec.address required"],
    ["half an address", "address: 10.0.0", "spec.address host"],
    [
      "a socket with ports, a bad port, bad labels",
      'address: unix:///run/a\nports: {http: 70000}\nlabels: {"a b": c}',
      "spec.ports conflict",
      "spec.ports.http port",
      'spec.labels["a b"] label',
    ],
    ["a locality with a hole", "address: 10.0.0.1\nlocality: eu//2", "spec.locality locality"],
  ],
  WorkloadGroup: [
    ["a template", "metadata: {labels: {app: a}}\ntemplate: {serviceAccount: a, ports: {http: 80}}"],
    ["a probe", "template: {}\nprobe: {httpGet: {path: /ready, port: 80}, periodSeconds: 5}"],
    ["no template", "metadata: {labels: {app: a}}", "spec.template required"],
    ["an address for all", "template: {address: 10.0.0.1}", "warning spec.template.address ineffective"],
    [
      "a probe of nothing",
      "template: {}\nprobe: {periodSeconds: -1}",
      "spec.probe required",
      "spec.probe.periodSeconds range",
    ],
    [
      "bad probes",
      'template: {}\nprobe: {httpGet: {port: 0, scheme: FTP, path: ready, httpHeaders: [{name: "a:"}]}}',
      "spec.probe.httpGet.port port",
      "spec.probe.httpGet.scheme scheme",
      "spec.probe.httpGet.path path",
      "spec.probe.httpGet.httpHeaders[0].name header",
    ],
    ["no command", "template: {}\nprobe: {exec: {command: []}}", "spec.probe.exec.command required"],
  ],
} satisfies Record<string, readonly SpecCase[]>;

for (const [kind, table] of Object.entries(cases)) {
  describe(kind, () => {
    for (const [name, spec, ...said] of table as readonly SpecCase[]) {
      test(`${name}${said.length === 0 ? " is good" : ""}`, () => {
        assert.deepEqual(summary(decodeSpec(kind, spec)).sort(), [...said].sort());
      });
    }
  });
}

function stateOf(annotations: string, status: string) {
  const decoded = decodeText(
    `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: a, annotations: {${annotations}}}\nspec: {address: 10.0.0.1}\nstatus: ${status}\n`,
  );
  assert.ok(decoded.ok);
  return decoded.object.state;
}

test("health counts where it is checked, and is bad until it is told", () => {
  const checked = 'proxy.istio.io/health-checks-enabled: "true"';
  assert.equal(stateOf("", '{conditions: [{type: Healthy, status: "False"}]}'), undefined);
  assert.deepEqual(stateOf(checked, "{}"), { healthy: false });
  assert.deepEqual(stateOf(checked, '{conditions: [{type: Healthy, status: "True"}]}'), { healthy: true });
  assert.deepEqual(stateOf(checked, '{conditions: [{type: Healthy, status: "False"}]}'), { healthy: false });
});

test("given addresses are read from a ServiceEntry's status", () => {
  const decoded = decodeText(
    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a}\nspec: {hosts: [a.com], resolution: DNS, ports: [{number: 80, name: http}]}\nstatus: {addresses: [{host: a.com, value: 240.240.0.1}, {host: a.com, value: nonsense}]}\n",
  );
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.object.state, { addresses: [{ host: "a.com", address: "240.240.0.1" }] });
});
