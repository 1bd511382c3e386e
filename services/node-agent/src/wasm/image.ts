import { createHash } from "node:crypto";
import { FinalError } from "./http-get.ts";
import { parseImageReference } from "./image-reference.ts";
import { Repository } from "./registry.ts";
import type { RegistryAccess } from "./registry.ts";
import { moduleInLayer } from "./unpack.ts";

interface Descriptor {
  readonly mediaType?: string;
  readonly digest?: string;
  readonly size?: number;
  readonly platform?: { readonly os?: string; readonly architecture?: string };
}

interface Manifest {
  readonly mediaType?: string;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

/** An image whose manifest is known and whose module is not fetched yet. */
export interface FoundImage {
  /** Hexadecimal sha256 of its manifest, then of the index that it was found in. */
  readonly digests: readonly string[];
  module(): Promise<Buffer>;
}

const indexTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
/** A layer that is the module: https://github.com/solo-io/wasm/blob/master/spec/spec.md */
const moduleTypes = ["application/vnd.module.wasm.content.layer.v1+wasm", "application/wasm"];
/** A layer that holds it, of an image that any tool can build: spec-compat.md there. */
const archiveTypes = [
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
];
const largestManifest = 4 * 1024 * 1024;

/** Asks for the image's manifest. An index stands for its linux/amd64 image, as in Istio, else for its only one that is a module's. */
export async function findImage(url: string, access: RegistryAccess, largestModule: number): Promise<FoundImage> {
  const image = parseImageReference(url);
  const repository = new Repository(image, access);
  const accept = [...indexTypes, ...manifestTypes].join(", ");
  const read = async (wanted: string): Promise<{ readonly manifest: Manifest; readonly digest: string }> => {
    const { body } = await repository.manifest(wanted, accept, largestManifest);
    return { manifest: manifestIn(body), digest: createHash("sha256").update(body).digest("hex") };
  };
  const first = await read(image.wanted);
  const { manifests } = first.manifest;
  const chosen = manifests === undefined ? undefined : choose(manifests);
  const last = chosen === undefined ? first : await read(chosen);
  return {
    digests: last === first ? [first.digest] : [last.digest, first.digest],
    module: () => moduleOf(last.manifest, repository, largestModule),
  };
}

function manifestIn(body: Buffer): Manifest {
  try {
    const manifest = JSON.parse(body.toString("utf8")) as Manifest | null;
    if (Array.isArray(manifest?.layers) || Array.isArray(manifest?.manifests)) return manifest;
  } catch {
    // said below
  }
  throw new FinalError("its manifest is neither one of an image nor an index");
}

function choose(manifests: readonly Descriptor[]): string {
  const on = ({ platform }: Descriptor): string => `${platform?.os ?? ""}/${platform?.architecture ?? ""}`;
  const real = manifests.filter((each) => on(each) !== "unknown/unknown");
  const chosen =
    real.find((each) => on(each) === "linux/amd64") ??
    real.find(({ platform }) => platform?.architecture?.startsWith("wasm") === true) ??
    (real.length === 1 ? real[0] : undefined);
  if (chosen?.digest !== undefined) return chosen.digest;
  throw new FinalError(`its index has no image for linux/amd64; it has ${real.map(on).join(", ") || "none"}`);
}

async function moduleOf({ layers = [] }: Manifest, repository: Repository, largestModule: number): Promise<Buffer> {
  const plain = layers.find(({ mediaType = "" }) => moduleTypes.includes(mediaType));
  const layer = plain ?? layers.at(-1);
  const { mediaType = "", digest, size = 0 } = layer ?? {};
  if (digest === undefined || (plain === undefined && !archiveTypes.includes(mediaType)))
    throw new FinalError(
      `its last layer is ${mediaType || "missing"}, which is neither ${[...moduleTypes, ...archiveTypes].join(" nor ")}`,
    );
  if (size > largestModule) throw new FinalError(`its layer is ${size} bytes, more than ${largestModule}`);
  const content = await repository.blob(digest, largestModule);
  return plain === undefined ? await moduleInLayer(content, largestModule) : content;
}
