import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** An image, or an index of images, as a registry has it. */
export interface TestImage {
  readonly mediaType: string;
  readonly manifest: Buffer;
  /** Of an index: those of its images too. */
  readonly blobs: readonly Buffer[];
}

const oci = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};
const docker = {
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The module is a layer by itself. https://github.com/solo-io/wasm/blob/master/spec/spec.md */
export function moduleArtifact(module: Uint8Array): TestImage {
  return imageOf(oci, [
    { mediaType: "application/vnd.module.wasm.config.v1+json", content: Buffer.from("{}") },
    { mediaType: "application/vnd.module.wasm.content.layer.v1+wasm", content: Buffer.from(module) },
  ]);
}

/** As `docker build` makes it from `FROM scratch` and `COPY plugin.wasm ./`. */
export function moduleImage(
  module: Uint8Array,
  { format = "oci", file = "plugin.wasm" }: { readonly format?: "oci" | "docker"; readonly file?: string } = {},
): TestImage {
  const types = format === "oci" ? oci : docker;
  const content = gzipSync(
    Buffer.concat([tarEntry("README", Buffer.from("a module")), tarEntry(file, module), Buffer.alloc(1024)]),
  );
  return imageOf(types, [{ mediaType: types.layer, content }]);
}

/** By platform, `os/architecture`. */
export function imageIndex(
  images: Readonly<Record<string, TestImage>>,
): TestImage & { readonly images: readonly TestImage[] } {
  const manifests = Object.entries(images).map(([platform, { mediaType, manifest }]) => {
    const [os, architecture] = platform.split("/");
    return { ...descriptor(mediaType, manifest), platform: { os, architecture } };
  });
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: oci.index, manifests }));
  const all = Object.values(images);
  return { mediaType: oci.index, manifest, blobs: all.flatMap(({ blobs }) => blobs), images: all };
}

interface Layer {
  readonly mediaType: string;
  readonly content: Buffer;
}

function imageOf(types: { readonly manifest: string; readonly config: string }, layers: readonly Layer[]): TestImage {
  const config = Buffer.from("{}");
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptor(types.config, config),
    layers: layers.map(({ mediaType, content }) => descriptor(mediaType, content)),
  };
  const blobs = [config, ...layers.map(({ content }) => content)];
  return { mediaType: types.manifest, manifest: Buffer.from(JSON.stringify(manifest)), blobs };
}

function descriptor(mediaType: string, content: Uint8Array): object {
  return { mediaType, digest: `sha256:${digestOf(content)}`, size: content.byteLength };
}

function tarEntry(name: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write(`${content.byteLength.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        0", 148); // the sum is taken with blanks in its place; then the type
  header.write("ustar\0" + "00", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.byteLength % 512)) % 512);
  return Buffer.concat([header, content, padding]);
}
