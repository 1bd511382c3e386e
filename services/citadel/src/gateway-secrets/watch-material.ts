import { SecretContent, type SecretMaterial } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { Latest } from "./latest.ts";
import { caMaterial, certificateMaterial, pullMaterial } from "./material.ts";
import type { SecretData, SecretRef, SecretSource, WantedSecret } from "./secret-source.ts";

const caEnding = "-cacert";

/** What is wanted of one Secret now and after each change of it; equal ones follow each other never. */
export async function* watchMaterial(
  source: SecretSource,
  { content = SecretContent.CERTIFICATES, ...ref }: WantedSecret,
  signal: AbortSignal,
): AsyncGenerator<SecretMaterial> {
  const materials =
    content === SecretContent.IMAGE_PULL_CREDENTIALS
      ? watchOne(source, ref, { signal, read: pullMaterial })
      : ref.name.endsWith(caEnding)
        ? watchCa(source, ref, signal)
        : watchOne(source, ref, { signal, read: certificateMaterial });
  let last: string | undefined;
  for await (const material of materials) {
    const identity = `${material.found} ${material.version}`;
    if (identity === last) continue;
    last = identity;
    yield material;
  }
}

async function* watchOne(
  source: SecretSource,
  ref: SecretRef,
  { signal, read }: { readonly signal: AbortSignal; read(secret: SecretData | undefined): SecretMaterial },
): AsyncGenerator<SecretMaterial> {
  for await (const secret of source.watch(ref, signal)) yield read(secret);
}

/** From two Secrets; says nothing before both are known. */
async function* watchCa(source: SecretSource, ref: SecretRef, signal: AbortSignal): AsyncGenerator<SecretMaterial> {
  const left = new AbortController();
  const all = AbortSignal.any([signal, left.signal]);
  const latest = new Latest<SecretMaterial>();
  const seen = new Map<string, SecretData | undefined>();
  const baseName = ref.name.slice(0, -caEnding.length);
  const followOne = async (name: string): Promise<void> => {
    for await (const secret of source.watch({ ...ref, name }, all)) {
      seen.set(name, secret);
      if (seen.size === 2) latest.set(caMaterial(seen.get(ref.name), seen.get(baseName)));
    }
  };
  const following = Promise.all([followOne(ref.name), followOne(baseName)]);
  following.catch(() => left.abort());
  try {
    yield* latest.follow(all);
  } finally {
    left.abort();
    await following; // a fault of the source is the reader's
  }
}
