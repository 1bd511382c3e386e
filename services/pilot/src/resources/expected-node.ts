import type { ProxyNode, Workload } from "@lateen/model";

const newestEnvoy = { major: 1, minor: 40 };

/** What the sidecar injected beside `workload` mostly is, before it has said so itself: its binary has all of Envoy. */
export function expectedNode({ namespace, name, addresses, labels }: Workload, domain: string): ProxyNode {
  const [address = "0.0.0.0"] = addresses;
  return {
    id: `sidecar~${address}~${name}.${namespace}~${namespace}.svc.${domain}`,
    ...{ type: "sidecar", dataPlane: "envoy", name, namespace, dnsDomain: `${namespace}.svc.${domain}` },
    ...{ addresses: [address], labels, serviceAccount: "", cluster: "", serviceCluster: "", network: "" },
    ...{ interception: "redirect", agent: true, metadata: {}, dnsCapture: false, autoRegisterGroup: "" },
    release: newestEnvoy,
  };
}
