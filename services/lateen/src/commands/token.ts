import { openLocalTokenIssuer } from "@lateen/citadel";

export interface TokenOptions {
  readonly serviceAccount: string;
  readonly namespace: string;
  readonly state: string;
  readonly ttl: string;
}

/** Prints a token that the CA of `lateen up` with the same state folder accepts. */
export async function token(options: TokenOptions): Promise<void> {
  const { serviceAccount, namespace } = options;
  const issuer = await openLocalTokenIssuer(options.state);
  console.log(await issuer.mintToken({ serviceAccount, namespace, ttlSeconds: Number(options.ttl) }));
}
