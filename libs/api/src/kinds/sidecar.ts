import {
  CaptureMode,
  OutboundTrafficPolicy_Mode,
  SidecarSchema,
} from "@lateen/protos/networking/v1alpha3/sidecar_pb.js";
import type {
  IstioEgressListener,
  IstioIngressListener,
  OutboundTrafficPolicy,
  Sidecar,
  SidecarPort,
} from "@lateen/protos/networking/v1alpha3/sidecar_pb.js";
import type { Cursor } from "../report.ts";
import { isIpAddress, isUnixAddress } from "../rules/addresses.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { checkFqdn, checkWildcardDomain, isDnsLabel } from "../rules/hosts.ts";
import { checkLabels, warnOfEmpty } from "../rules/labels.ts";
import { checkProtocol, isHttpProtocol, isTlsProtocol } from "../rules/protocols.ts";
import { checkPort } from "../rules/values.ts";
import { ageColumn, defineKind, networkingVersions } from "./definition.ts";
import { checkSidecarTls } from "./sidecar-tls.ts";
import { checkConnectionPool } from "./traffic-policy.ts";

export const sidecar = defineKind({
  ...networkingVersions,
  kind: "Sidecar",
  plural: "sidecars",
  shortNames: [],
  schema: SidecarSchema,
  columns: [ageColumn],
  notBuilt: [
    { path: "egress[].port.targetPort", reason: "it has no effect, in Istio neither" },
    { path: "ingress[].port.targetPort", reason: "it has no effect, in Istio neither; use defaultEndpoint" },
  ],
  check(spec, at, meta) {
    if (isEmpty(spec))
      at.error("required", "says nothing: set egress, ingress, outboundTrafficPolicy or inboundConnectionPool");
    if (spec.workloadSelector) {
      warnOfEmpty(spec.workloadSelector.labels, at.at("workloadSelector"));
      checkLabels(spec.workloadSelector.labels, at.at("workloadSelector", "labels"));
    }
    checkIngress(spec.ingress, at.at("ingress"));
    checkEgress(spec.egress, at.at("egress"));
    checkPolicy(spec.outboundTrafficPolicy, meta.namespace, at.at("outboundTrafficPolicy"));
    checkConnectionPool(spec.inboundConnectionPool, at.at("inboundConnectionPool"));
  },
});

function isEmpty(spec: Sidecar): boolean {
  const set = spec.outboundTrafficPolicy ?? spec.inboundConnectionPool;
  return spec.egress.length === 0 && spec.ingress.length === 0 && set === undefined;
}

function checkIngress(listeners: readonly IstioIngressListener[], at: Cursor): void {
  for (const [index, listener] of listeners.entries()) {
    const here = at.at(index);
    if (listener.port) checkIngressPort(listener.port, here.at("port"));
    else here.at("port").error("required", "is required: number and protocol");
    if (listener.bind !== "" && !isIpAddress(listener.bind))
      here.at("bind").error("address", `${JSON.stringify(listener.bind)} is not an IP address`);
    checkDefaultEndpoint(listener.defaultEndpoint, here.at("defaultEndpoint"));
    checkSidecarTls(listener.tls, listener.port?.protocol ?? "", here.at("tls"));
    checkConnectionPool(listener.connectionPool, here.at("connectionPool"));
    const protocol = listener.port?.protocol ?? "";
    if (listener.connectionPool?.http && protocol !== "" && !isHttpProtocol(protocol) && !isTlsProtocol(protocol))
      here.at("connectionPool", "http").warning("no-effect", `has no effect: ${protocol} is not HTTP`);
  }
  const ports = listeners.map((listener) => listener.port?.number ?? 0);
  checkDistinct(ports, "port", (index) => at.at(index, "port", "number"));
}

function checkIngressPort(port: SidecarPort, at: Cursor): void {
  checkPort(port.number, at.at("number"));
  if (port.protocol !== "") checkProtocol(port.protocol, at.at("protocol")); // without one it is detected
}

/** The places an application can be: this machine's loopback, the workload's own address, a Unix socket. */
export const localAddresses: readonly string[] = ["127.0.0.1", "[::1]", "0.0.0.0", "[::]"];

function checkDefaultEndpoint(text: string, at: Cursor): void {
  if (text === "" || isUnixAddress(text)) return;
  const colon = text.lastIndexOf(":");
  const port = text.slice(colon + 1);
  const valid = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535;
  if (!valid || !localAddresses.includes(text.slice(0, colon)))
    at.error(
      "address",
      `${JSON.stringify(text)} is not where an application can be; write 127.0.0.1:PORT, 0.0.0.0:PORT (the workload's own address) or unix:///path`,
    );
}

function checkEgress(listeners: readonly IstioEgressListener[], at: Cursor): void {
  for (const [index, listener] of listeners.entries()) {
    const here = at.at(index);
    checkEgressPlace(listener, here);
    if (!listener.port && index < listeners.length - 1)
      here.at("port").error("order", "a listener without a port takes all ports, so it must be the last");
    if (listener.hosts.length === 0)
      here.at("hosts").error("required", 'needs at least one host; "*/*" for all, "~/*" for none');
    for (const [position, host] of listener.hosts.entries()) checkEgressHost(host, here.at("hosts", position));
    checkCovered(listener.hosts, here.at("hosts"));
  }
  const places = listeners.map(({ port, bind }) => (bind.startsWith("unix:") ? bind : (port?.number ?? 0)));
  checkDistinct(places, "place", (index) => at.at(index, "port"));
}

function checkEgressPlace({ port, bind, captureMode }: IstioEgressListener, at: Cursor): void {
  const unix = isUnixAddress(bind);
  if (bind !== "" && !unix && !isIpAddress(bind))
    at.at("bind").error("address", `${JSON.stringify(bind)} is not an IP address, unix:///path or unix://@name`);
  if (bind !== "" && !port) at.at("port").error("required", "is required beside bind");
  if (unix && captureMode === CaptureMode.IPTABLES)
    at.at("captureMode").error("conflict", "a Unix socket is not captured; use NONE or leave it out");
  if (!port) return;
  if (unix && port.number !== 0)
    at.at("port", "number").error("conflict", `a Unix socket has no port; write 0, got ${port.number}`);
  if (!unix) checkPort(port.number, at.at("port", "number"));
  if (!["", "HTTP_PROXY"].includes(port.protocol.toUpperCase()))
    checkProtocol(port.protocol, at.at("port", "protocol"));
}

/** `namespace/host`; a `~` before it takes hosts out again, and `~` alone stands for every namespace. */
function checkEgressHost(text: string, at: Cursor): void {
  const slash = text.indexOf("/");
  const written = slash < 0 ? "" : text.slice(0, slash);
  const host = text.slice(slash + 1);
  const namespace = written.startsWith("~") ? written.slice(1) || "*" : written;
  if (slash < 0 || host === "" || namespace === "")
    at.error("host", `${JSON.stringify(text)} is not of the form namespace/host, as in "./*" or "prod/*.example.com"`);
  else if (namespace !== "*" && namespace !== "." && !isDnsLabel(namespace))
    at.error("host", `${JSON.stringify(written)} before the "/" is not a namespace; write a name, ".", "*" or "~"`);
  else if (/^\*[^.]/.test(host))
    at.error("host", `${JSON.stringify(host)} must have a whole label as its wildcard, as in "*.example.com"`);
  else checkWildcardDomain(host, at);
}

/** A whole namespace, or the whole mesh, has the hosts already that are named beside it. */
function checkCovered(hosts: readonly string[], at: Cursor): void {
  for (const [index, text] of hosts.entries()) {
    const [namespace] = text.split("/", 1);
    const all = ["*/*", `${namespace ?? ""}/*`].find((each) => each !== text && hosts.includes(each));
    const covered = all ?? (hosts.indexOf(text) < index ? text : undefined);
    if (covered !== undefined && !text.startsWith("~"))
      at.at(index).warning("duplicate", `adds nothing to ${JSON.stringify(covered)} of the same list; remove it`);
  }
}

function checkPolicy(policy: OutboundTrafficPolicy | undefined, namespace: string, at: Cursor): void {
  const proxy = policy?.egressProxy;
  if (!policy || !proxy) return;
  if (policy.mode !== OutboundTrafficPolicy_Mode.ALLOW_ANY)
    at.at("egressProxy").error("conflict", "is where unknown traffic goes, so it needs mode ALLOW_ANY");
  if (proxy.host === "") at.at("egressProxy", "host").error("required", `is required: a service ${namespace} can see`);
  else checkFqdn(proxy.host, at.at("egressProxy", "host"));
  if (proxy.port) checkPort(proxy.port.number, at.at("egressProxy", "port", "number"));
  else at.at("egressProxy", "port").error("required", "is required: the proxy's service port");
}
