import { stat } from "node:fs/promises";
import { openLocalTokenIssuer } from "@lateen/citadel";
import { MeshError } from "@lateen/runtime";

export interface TokenOptions {
  readonly serviceAccount: string;
  readonly namespace: string;
  readonly state: string;
  readonly ttl: string;
}

/** Prints a token that the CA of `lateen up` with the same state folder accepts. */
export async function token(options: TokenOptions): Promise<void> {
  const { serviceAccount, namespace } = options;
  // A folder without a plane's key would get a new one, and nobody would accept its tokens.
  await stat(options.state).catch((cause: unknown) => {
    const remedy = "name the folder that `lateen up` was given with --state";
    throw new MeshError("cli_state", `there is no state folder ${options.state}: ${remedy}`, { cause });
  });
  const issuer = await openLocalTokenIssuer(options.state);
  console.log(await issuer.mintToken({ serviceAccount, namespace, ttlSeconds: Number(options.ttl) }));
}
