import { promisify } from "node:util";
import { gunzip } from "node:zlib";

const decompress = promisify(gunzip);
const block = 512;
/** The name that an image's module has, wherever it lies: https://github.com/solo-io/wasm/blob/master/spec/spec-compat.md */
const moduleName = "plugin.wasm";

/** The module in a layer `tar+gzip`. Throws where there is none. */
export async function moduleInLayer(layer: Buffer, largestBytes: number): Promise<Buffer> {
  const archive = await decompress(layer, { maxOutputLength: largestBytes }).catch((cause: unknown) => {
    throw new Error("its layer is not gzip, or is too large unpacked", { cause });
  });
  for (const { name, content } of entriesOf(archive)) if (name.split("/").at(-1) === moduleName) return content;
  throw new Error(`its layer has no ${moduleName}`);
}

interface Entry {
  readonly name: string;
  readonly content: Buffer;
}

/** Regular files of a tar archive, with the names of their headers: a name of more than 100 characters is cut. */
function* entriesOf(archive: Buffer): Generator<Entry> {
  for (let at = 0; at + block <= archive.length; ) {
    const header = archive.subarray(at, at + block);
    if (header[0] === 0) return;
    const size = numberIn(header.subarray(124, 136));
    const start = at + block;
    if (size === undefined || start + size > archive.length) throw new Error("its layer is not a whole tar archive");
    const type = header[156];
    if (type === regular || type === 0)
      yield { name: textIn(header.subarray(0, 100)), content: archive.subarray(start, start + size) };
    at = start + Math.ceil(size / block) * block;
  }
}

const regular = "0".charCodeAt(0);

function textIn(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? field.length : end);
}

/** Octal digits; undefined where they are none. */
function numberIn(field: Buffer): number | undefined {
  const text = textIn(field).trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}
