import type { SecretMaterial } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { Latest } from "./latest.ts";
import { caMaterial, certificateMaterial } from "./material.ts";
import type { SecretData, SecretRef, SecretSource } from "./secret-source.ts";

const caEnding = "-cacert";

/** The material of one name now and after each change of it; equal ones follow each other never. */
export async function* watchMaterial(
  source: SecretSource,
  ref: SecretRef,
  signal: AbortSignal,
): AsyncGenerator<SecretMaterial> {
  const materials = ref.name.endsWith(caEnding) ? watchCa(source, ref, signal) : watchCertificate(source, ref, signal);
  let last: string | undefined;
  for await (const material of materials) {
    const identity = `${material.found} ${material.version}`;
    if (identity === last) continue;
    last = identity;
    yield material;
  }
}

async function* watchCertificate(
  source: SecretSource,
  ref: SecretRef,
  signal: AbortSignal,
): AsyncGenerator<SecretMaterial> {
  for await (const secret of source.watch(ref, signal)) yield certificateMaterial(secret);
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
