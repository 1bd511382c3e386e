import { create } from "@bufbuild/protobuf";
import { anyPack, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import type { ProxyNode } from "@lateen/model";
import { SecretContent } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { RpcCode, RpcError } from "@lateen/rpc";
import { fields, toError } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import { pullSecretType } from "@lateen/xds-server";
import type { Answer, Query, QuerySource } from "@lateen/xds-server";
import type { Admission } from "./admission.ts";
import { isLocalPeer, nodeOf } from "./connected-node.ts";
import { parseSecretName } from "./gateway-secrets.ts";
import type { GatewaySecret, WatchSecret } from "./gateway-secrets.ts";

interface NamedSecret {
  readonly namespace: string;
  readonly name: string;
}

export interface PullSecretsOptions {
  /** What extensions of a proxy name; undefined before anything is known. */
  readonly namedFor: (node: ProxyNode) => readonly NamedSecret[] | undefined;
  readonly admission: Pick<Admission, "admit" | "identityOf">;
  readonly watchSecret: WatchSecret | undefined;
  readonly allowPlaintextFromLoopback: boolean;
  readonly logger: Logger;
  /** How long citadel may take; default 5 s. */
  readonly waitMs?: number;
}

/**
 * Credentials for the registries of images, for the agent that is about to pull one. Each is given only to a proxy that
 * has proved who it is and runs an extension that names it. They pass through memory: no set of resources has them, so
 * no page shows them, and no log does.
 */
export function pullSecretQueries(options: PullSecretsOptions): QuerySource {
  return {
    identifier: "",
    handles: (typeUrl) => typeUrl === pullSecretType,
    async answer(query) {
      await options.admission.admit(query.asker);
      return await Promise.all(query.names.map((name) => answerTo(options, query, name)));
    },
  };
}

async function answerTo(options: PullSecretsOptions, { asker }: Query, resourceName: string): Promise<Answer> {
  const node = nodeOf(asker);
  const named = options.namedFor(node);
  if (named === undefined) throw new RpcError(RpcCode.UNAVAILABLE, "the mesh is not known yet, try again");
  const { namespace, names } = parseSecretName(resourceName, node.namespace);
  const wanted = named.find((each) => each.namespace === namespace && names[0] === each.name);
  const refuse = (why: string): never => {
    options.logger.warn(
      { [fields.proxy]: node.id, [fields.resource]: resourceName, [fields.reason]: why },
      "pull secret refused",
    );
    throw new RpcError(RpcCode.PERMISSION_DENIED, `${resourceName} is not given to proxy ${node.id}: ${why}`);
  };
  if (wanted === undefined) return refuse("no extension of this proxy names it as imagePullSecret");
  const proven = options.admission.identityOf(asker) !== undefined;
  if (!proven && !(options.allowPlaintextFromLoopback && isLocalPeer(asker)))
    return refuse("it has not proved who it is; connect to the TLS port with its certificate");
  const secret = await firstOf(options, wanted);
  const problem = secret.problem || (secret.found ? "" : "there is no such Secret");
  if (problem !== "") throw new RpcError(RpcCode.NOT_FOUND, `Secret ${namespace}/${wanted.name}: ${problem}`);
  const value = secret.dockerConfigJson ?? new Uint8Array();
  return { name: resourceName, resource: anyPack(BytesValueSchema, create(BytesValueSchema, { value })) };
}

async function firstOf(
  { watchSecret, waitMs = 5_000 }: PullSecretsOptions,
  secret: NamedSecret,
): Promise<GatewaySecret> {
  const about = `Secret ${secret.namespace}/${secret.name}`;
  if (watchSecret === undefined)
    throw new RpcError(RpcCode.UNAVAILABLE, `${about}: this pilot has no source of secrets`);
  const signal = AbortSignal.timeout(waitMs);
  try {
    const request = { ...secret, content: SecretContent.IMAGE_PULL_CREDENTIALS };
    for await (const found of watchSecret(request, signal)) return found;
  } catch (error) {
    throw new RpcError(RpcCode.UNAVAILABLE, `${about} cannot be read: ${toError(error).message}`, { cause: error });
  }
  throw new RpcError(RpcCode.UNAVAILABLE, `${about} cannot be read: citadel does not answer in ${waitMs} ms`);
}
