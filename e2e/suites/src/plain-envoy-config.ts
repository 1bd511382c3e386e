import { destinationRule, gateway, type LoopbackMesh, serviceEntry, virtualService } from "@lateen/e2e-harness";

export const publicHost = "shop.example.com";
export const credentialName = "shop-certificate";

/** Subsets by version for each app. */
export function subsets(mesh: LoopbackMesh, app: string): object {
  return destinationRule(
    { namespace: mesh.namespace, name: app },
    { host: mesh.host(app), subsets: ["v1", "v2"].map((version) => ({ name: version, labels: { version } })) },
  );
}

/** An HTTP and an HTTPS server for `publicHost`, on whichever proxy is labelled `istio: edge`. */
export function edgeGateway(namespace: string, ports: { http: number; https: number }): object {
  return gateway(
    { namespace, name: "edge" },
    {
      selector: { istio: "edge" },
      servers: [
        { port: { number: ports.http, name: "http", protocol: "HTTP" }, hosts: [publicHost] },
        {
          port: { number: ports.https, name: "https", protocol: "HTTPS" },
          tls: { mode: "SIMPLE", credentialName },
          hosts: [publicHost],
        },
      ],
    },
  );
}

/** One route a feature; the suite asks for each. */
export function edgeRoutes(mesh: LoopbackMesh): object {
  const to = (subset: string, weight?: number): object => ({
    destination: { host: mesh.host("reviews"), subset, port: { number: mesh.servicePort } },
    ...(weight !== undefined && { weight }),
  });
  const at = (path: object, ...more: readonly object[]): object[] => [Object.assign({ uri: path }, ...more)];
  return virtualService(
    { namespace: mesh.namespace, name: "edge" },
    {
      hosts: [publicHost],
      gateways: ["edge"],
      http: [
        { match: at({ prefix: "/split" }), route: [to("v1", 75), to("v2", 25)] },
        { match: at({ exact: "/gone" }), redirect: { uri: "/here", authority: "new.example.com", redirectCode: 302 } },
        {
          match: at({ prefix: "/old/" }),
          rewrite: { uri: "/new/", authority: "inner.example.com" },
          route: [to("v1")],
        },
        {
          match: at({ prefix: "/teapot" }),
          fault: { abort: { percentage: { value: 100 }, httpStatus: 418 } },
          route: [to("v1")],
        },
        {
          match: at({ prefix: "/late" }),
          fault: { delay: { percentage: { value: 100 }, fixedDelay: "0.4s" } },
          route: [to("v1")],
        },
        { match: at({ prefix: "/timeout" }), timeout: "0.3s", rewrite: { uri: "/delay/40000" }, route: [to("v1")] },
        {
          match: at({ prefix: "/retry" }),
          retries: { attempts: 3, perTryTimeout: "30s", retryOn: "5xx" },
          rewrite: { uri: "/status/503" },
          route: [to("v1")],
        },
        { match: at({ prefix: "/by" }, { headers: { "x-user": { exact: "jason" } } }), route: [to("v2")] },
        { match: at({ prefix: "/by" }, { method: { exact: "POST" } }), route: [to("v2")] },
        { match: at({ prefix: "/by" }, { queryParams: { beta: { exact: "yes" } } }), route: [to("v2")] },
        { match: at({ regex: "/v[2-9]/.*" }), route: [to("v2")] },
        {
          match: at({ prefix: "/headers" }),
          headers: {
            request: { set: { "x-added": "by the mesh" }, remove: ["x-secret"] },
            response: { add: { "x-served-by": "lateen" } },
          },
          route: [to("v1")],
        },
        {
          match: at({ prefix: "/outside" }),
          rewrite: { uri: "/" },
          route: [{ destination: { host: "legacy.example.com" } }],
        },
        { route: [to("v1")] },
      ],
    },
  );
}

/** A host outside the mesh with a fixed address. */
export function legacyHost(mesh: LoopbackMesh): object {
  const { address, port } = mesh.workload("legacy");
  return serviceEntry(
    { namespace: mesh.namespace, name: "legacy" },
    {
      hosts: ["legacy.example.com"],
      location: "MESH_EXTERNAL",
      resolution: "STATIC",
      ports: [{ number: mesh.servicePort, name: "http", protocol: "HTTP" }],
      endpoints: [{ address, ports: { http: port } }],
    },
  );
}
