import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { DataSourceSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import type { DataSource } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  CertificateValidationContextSchema,
  TlsCertificateSchema,
} from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { SecretSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { Secret } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { SecretContent } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { fields, toError } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import { packResource } from "@lateen/xds-build";
import type { ProxyNode } from "@lateen/model";
import { secretType } from "@lateen/xds-server";
import type { ConnectedProxy, OnDemandSource, Resource } from "@lateen/xds-server";
import { encodeResource } from "../resources/encode.ts";
import type { Admission } from "./admission.ts";
import { isLocalPeer, nodeOf } from "./connected-node.ts";
import { fileSecret } from "./file-secrets.ts";
import { newestOfEach } from "./newest-of-each.ts";

/** A certificate as citadel gives it; `mesh.identity.v1.SecretMaterial` is one. */
export interface GatewaySecret {
  readonly found: boolean;
  readonly certificateChainPem: Uint8Array;
  readonly privateKeyPem: Uint8Array;
  readonly caCertificatesPem: Uint8Array;
  readonly revocationListPem?: Uint8Array;
  /** DER. */
  readonly ocspStaple?: Uint8Array;
  /** Credentials for registries: there where they are what was asked for, and nothing else is. */
  readonly dockerConfigJson?: Uint8Array;
  /** Why a secret that exists cannot be used. */
  readonly problem: string;
}

/** The secret now and after each change, until `signal` aborts. `GatewaySecrets.WatchSecret` of citadel. */
export type WatchSecret = (
  request: { readonly namespace: string; readonly name: string; readonly content?: SecretContent },
  signal: AbortSignal,
) => AsyncIterable<GatewaySecret>;

export interface GatewaySecretsOptions {
  readonly watchSecret: WatchSecret | undefined;
  readonly admission: Admission;
  /** Names of the Secrets that configuration gives to a sidecar; default none. */
  readonly credentialsOf?: (node: ProxyNode) => readonly string[];
  /** For a control plane and proxies on one machine, where nobody else can be at the other end of loopback. */
  readonly allowPlaintextFromLoopback: boolean;
  readonly logger: Logger;
  /** Pause before asking citadel again after it failed. */
  readonly retryMs?: number;
}

/** Certificates for gateways, and for sidecars that a rule gives one, over ADS. Keys pass through memory and are neither kept, logged nor shown. */
export function gatewaySecrets(options: GatewaySecretsOptions): OnDemandSource {
  return {
    types: [secretType],
    async *watch(_typeUrl, resourceName, proxy, signal) {
      const files = fileSecret(resourceName);
      if (files !== undefined) {
        yield files;
        if (!signal.aborted) await once(signal, "abort");
        return;
      }
      const { namespace, names, part } = parseSecretName(resourceName, nodeOf(proxy).namespace);
      allow(options, proxy, { namespace, names, resourceName });
      const candidates = names.map((name) => followSecret(options, { namespace, name }, signal));
      for await (const secrets of newestOfEach(candidates, signal)) {
        const secret = secrets.find(({ found }) => found) ?? secrets.at(-1);
        if (secret !== undefined) yield resourceOf(resourceName, part, secret, options.logger);
      }
    },
  };
}

interface SecretName {
  readonly namespace: string;
  /** The Secrets it may be in; the first that exists counts. */
  readonly names: readonly string[];
  /** The pair a server shows, or the authorities it trusts. */
  readonly part: "certificate" | "authorities";
}

const authoritiesSuffix = "-cacert";

/** Istio's names: `kubernetes://name`, `kubernetes://namespace/name`, `kubernetes-gateway://namespace/name`, each with `-cacert`. */
export function parseSecretName(resourceName: string, ownNamespace: string): SecretName {
  const [, path = ""] = /^kubernetes(?:-gateway)?:\/\/(.+)$/.exec(resourceName) ?? [];
  const slash = path.indexOf("/");
  const namespace = slash < 0 ? ownNamespace : path.slice(0, slash);
  const full = path.slice(slash + 1);
  if (namespace === "" || full === "" || full.includes("/")) {
    throw new Error(`secret "${resourceName}" cannot be served: names have the form kubernetes://[namespace/]name`);
  }
  return full.endsWith(authoritiesSuffix)
    ? { namespace, names: [full, full.slice(0, -authoritiesSuffix.length)], part: "authorities" }
    : { namespace, names: [full], part: "certificate" };
}

function allow(
  { admission, allowPlaintextFromLoopback, credentialsOf = () => [] }: GatewaySecretsOptions,
  proxy: ConnectedProxy,
  { namespace, names, resourceName }: Pick<SecretName, "namespace" | "names"> & { readonly resourceName: string },
): void {
  const node = nodeOf(proxy);
  const refuse = (why: string): never => {
    throw new Error(`secret "${resourceName}" is not given to proxy ${node.id}: ${why}`);
  };
  const named = node.type === "router" || names.some((name) => credentialsOf(node).includes(name));
  if (!named)
    refuse("only gateways get secrets, and sidecars those that a DestinationRule with a selector for them names");
  if (namespace !== node.namespace) refuse(`it is in namespace ${namespace}, the proxy in ${node.namespace}`);
  const proven = admission.identityOf(proxy)?.namespace === namespace;
  if (!proven && !(allowPlaintextFromLoopback && isLocalPeer(proxy)))
    refuse("it has not proved who it is; connect to the TLS port with its certificate");
}

/** Keeps asking: while citadel cannot be reached, the last answer stands. */
async function* followSecret(
  { watchSecret, logger, retryMs = 1_000 }: GatewaySecretsOptions,
  secret: { namespace: string; name: string },
  signal: AbortSignal,
): AsyncGenerator<GatewaySecret> {
  if (watchSecret === undefined)
    throw new Error(`secret ${secret.namespace}/${secret.name} cannot be served: this pilot has no source of secrets`);
  while (!signal.aborted) {
    try {
      yield* watchSecret(secret, signal);
    } catch (error) {
      if (signal.aborted) return;
      logger.warn(
        { [fields.namespace]: secret.namespace, [fields.name]: secret.name, [fields.error]: toError(error) },
        "cannot follow a gateway secret, retrying",
      );
    }
    await sleep(retryMs, undefined, { signal }).catch(() => undefined);
  }
}

function resourceOf(
  resourceName: string,
  part: SecretName["part"],
  secret: GatewaySecret,
  logger: Logger,
): Resource | undefined {
  const bytes = part === "certificate" ? secret.certificateChainPem : secret.caCertificatesPem;
  if (!secret.found || secret.problem !== "" || bytes.length === 0) {
    const reason = secret.problem || (secret.found ? `it has no ${part}` : "there is no such secret");
    logger.warn({ [fields.resource]: resourceName, [fields.reason]: reason }, "gateway secret cannot be used");
    return undefined;
  }
  const message = create(SecretSchema, {
    name: resourceName,
    type: part === "certificate" ? certificateOf(secret) : authoritiesOf(secret),
  });
  return encodeResource({
    typeUrl: secretType,
    name: resourceName,
    ...packResource(secretType, toBinary(SecretSchema, message)),
    origin: originOf(resourceName),
  });
}

type SecretKind = Exclude<Secret["type"], { case: undefined }>;

function inline(value: Uint8Array) {
  return create(DataSourceSchema, { specifier: { case: "inlineBytes", value } });
}

/** An empty entry is not sent: Envoy would read it as a list, or a staple, that is none. */
function given<Name extends string>(name: Name, value: Uint8Array | undefined): { readonly [N in Name]?: DataSource } {
  return value === undefined || value.length === 0 ? {} : ({ [name]: inline(value) } as { [N in Name]?: DataSource });
}

function certificateOf(secret: GatewaySecret): SecretKind {
  const value = create(TlsCertificateSchema, {
    certificateChain: inline(secret.certificateChainPem),
    privateKey: inline(secret.privateKeyPem),
    ...given("ocspStaple", secret.ocspStaple),
  });
  return { case: "tlsCertificate", value };
}

function authoritiesOf(secret: GatewaySecret): SecretKind {
  const value = create(CertificateValidationContextSchema, {
    trustedCa: inline(secret.caCertificatesPem),
    ...given("crl", secret.revocationListPem),
  });
  return { case: "validationContext", value };
}

function originOf(resourceName: string): string {
  return `Secret/${resourceName.replace(/^kubernetes(-gateway)?:\/\//, "")}`;
}
