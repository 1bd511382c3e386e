import { dirname } from "node:path/posix";
import { create, toBinary } from "@bufbuild/protobuf";
import { SecretSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { packResource, parseFileSecret } from "@lateen/xds-build";
import { secretType } from "@lateen/xds-server";
import type { Resource } from "@lateen/xds-server";
import { encodeResource } from "../resources/encode.ts";

/**
 * A secret that says where its files are, which are on the proxy's side: nothing of them is known here. As a secret, and not
 * in the listener, so that Envoy reads them again when something moves into their folder, as a mounted volume does.
 * Undefined: the name is of another kind.
 */
export function fileSecret(resourceName: string): Resource | undefined {
  const files = parseFileSecret(resourceName);
  if (files === undefined) return undefined;
  const file = (filename: string) => ({ specifier: { case: "filename" as const, value: filename } });
  const message = create(SecretSchema, {
    name: resourceName,
    type:
      files.kind === "pair"
        ? {
            case: "tlsCertificate",
            value: {
              certificateChain: file(files.certificate),
              privateKey: file(files.privateKey),
              watchedDirectory: { path: dirname(files.certificate) },
            },
          }
        : {
            case: "validationContext",
            value: { trustedCa: file(files.path), watchedDirectory: { path: dirname(files.path) } },
          },
  });
  return encodeResource({
    typeUrl: secretType,
    name: resourceName,
    ...packResource(secretType, toBinary(SecretSchema, message)),
    origin: resourceName,
  });
}
