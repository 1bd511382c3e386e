import type { ProxyNode, Workload } from "@lateen/model";

/** A binary that contains whatever it is asked for. */
class EveryName extends Array<string> {
  override includes(): boolean {
    return true;
  }
}

const newestEnvoy = { major: 1, minor: 40 };

/** What the sidecar injected beside `workload` mostly is, before it has said so itself. */
export function expectedNode({ namespace, name, addresses, labels }: Workload, domain: string): ProxyNode {
  const [address = "0.0.0.0"] = addresses;
  return {
    id: `sidecar~${address}~${name}.${namespace}~${namespace}.svc.${domain}`,
    ...{ type: "sidecar", dataPlane: "envoy", name, namespace, dnsDomain: `${namespace}.svc.${domain}` },
    ...{ addresses: [address], labels, serviceAccount: "", cluster: "", serviceCluster: "", network: "" },
    ...{ interception: "redirect", agent: true, metadata: {}, dnsCapture: false, autoRegisterGroup: "" },
    extensions: new EveryName(),
    release: newestEnvoy,
  };
}
