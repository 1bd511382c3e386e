import type { ProxyConfig } from "@lateen/protos/mesh/v1alpha1/proxy_pb.js";
import type { Cursor } from "../report.ts";
import { checkDuration, checkPort } from "../rules/values.ts";
import { checkAddress } from "./spans.ts";

/** A ProxyConfig's fields that no other rule looks at: `at` points at the ProxyConfig. */
export function checkProxyDefaults(config: ProxyConfig | undefined, at: Cursor): void {
  if (config === undefined) return;
  for (const field of ["proxyAdminPort", "statusPort"] as const)
    if (config[field] !== 0) checkPort(config[field], at.at(field));
  for (const field of ["drainDuration", "terminationDrainDuration"] as const)
    checkDuration(config[field], at.at(field), field === "drainDuration" ? 1 : 0);
  for (const field of ["discoveryAddress", "statsdUdpAddress"] as const)
    if (config[field] !== "") checkAddress(config[field], at.at(field));
  checkImageType(config.image?.imageType ?? "", at.at("image", "imageType"));
  if (config.concurrency !== undefined && config.concurrency < 0)
    at.at("concurrency").error("range", `must be 0 (one thread a core) or more, got ${config.concurrency}`);
  if (config.privateKeyProvider !== undefined) checkKeyProvider(config.privateKeyProvider, at.at("privateKeyProvider"));
  for (const [index, pem] of config.caCertificatesPem.entries())
    if (!pem.includes("-----BEGIN CERTIFICATE-----"))
      at.at("caCertificatesPem", index).error("value", "must be the text of certificates: PEM, with BEGIN CERTIFICATE");
  checkDuration(config.fileFlushInterval, at.at("fileFlushInterval"));
  if (config.connectionSettings !== undefined) checkConnections(config.connectionSettings, at.at("connectionSettings"));
}

const limits = [
  "listenerPerConnectionBufferLimitBytes",
  "clusterPerConnectionBufferLimitBytes",
  "httpMaxConcurrentStreams",
  "globalDownstreamConnectionLimit",
] as const;
const windows = ["http2InitialStreamWindowSize", "http2InitialConnectionWindowSize"] as const;
const times = [
  "httpIdleTimeout",
  "httpMaxConnectionDuration",
  "httpDrainTimeout",
  "httpRequestTimeout",
  "httpRequestHeadersTimeout",
  "httpStreamIdleTimeout",
  "httpMaxStreamDuration",
] as const;

/** Envoy refuses a listener whose numbers it cannot take. */
function checkConnections(settings: NonNullable<ProxyConfig["connectionSettings"]>, at: Cursor): void {
  for (const field of limits) {
    const value = settings[field];
    if (value !== undefined && value < 1) at.at(field).error("range", `must be 1 or more, got ${value}`);
  }
  for (const field of windows) {
    const value = settings[field];
    if (value !== undefined && value < 65_535) at.at(field).error("range", `must be 65535 or more, got ${value}`);
  }
  for (const field of times) checkDuration(settings[field], at.at(field), 0);
}

/** Any that a registry may have: it is the end of an image's tag. */
export function checkImageType(type: string, at: Cursor): void {
  if (type !== "" && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(type))
    at.error("value", `${JSON.stringify(type)} cannot end an image's tag; use default, debug or distroless`);
}

function checkKeyProvider({ provider }: NonNullable<ProxyConfig["privateKeyProvider"]>, at: Cursor): void {
  if (provider.case === undefined) {
    at.error("required", "needs what computes with the key: cryptomb or qat");
    return;
  }
  const { pollDelay } = provider.value;
  const here = at.at(provider.case, "pollDelay");
  if (pollDelay === undefined) here.error("required", "is required: how often results are looked for, as in 0.02s");
  else checkDuration(pollDelay, here);
}
