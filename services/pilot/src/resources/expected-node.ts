import type { ProxyNode } from "@lateen/model";

/** A binary that contains whatever it is asked for. */
class EveryName extends Array<string> {
  override includes(): boolean {
    return true;
  }
}

const newestEnvoy = { major: 1, minor: 40 };

/** What the injected sidecars of a namespace mostly are, before one has said what it is. */
export function expectedNode(namespace: string, domain: string): ProxyNode {
  return {
    id: `sidecar~0.0.0.0~expected.${namespace}~${namespace}.svc.${domain}`,
    ...{ type: "sidecar", dataPlane: "envoy", name: "expected", namespace, dnsDomain: `${namespace}.svc.${domain}` },
    ...{ addresses: ["0.0.0.0"], labels: {}, serviceAccount: "", cluster: "", serviceCluster: "", network: "" },
    ...{ interception: "redirect", agent: true, metadata: {}, dnsCapture: false, autoRegisterGroup: "" },
    extensions: new EveryName(),
    release: newestEnvoy,
  };
}
