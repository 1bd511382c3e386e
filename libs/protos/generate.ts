/**
 * Generates `gen/` (in it `types/files_pb.js`, the table behind `src/types.ts`) from `proto/upstream/descriptors.binpb` and our own `proto/{mesh,istio,kubernetes}/**.proto`.
 * Runs after every install; with `--if-stale` it does nothing when the inputs have not changed.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const gen = join(here, "gen");
const stampFile = join(gen, ".stamp");
const descriptors = join(root, "proto/upstream/descriptors.binpb");
const ownFiles = globSync("{mesh,istio,kubernetes}/**/*.proto", { cwd: join(root, "proto") }).sort();

function inputsDigest(): string {
  const hash = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.url)));
  hash.update(readFileSync(descriptors));
  for (const file of ownFiles) hash.update(file).update(readFileSync(join(root, "proto", file)));
  return hash.digest("hex");
}

interface DescribedFile {
  readonly path: string;
  /** The file's descriptor. */
  readonly bytes: Buffer;
}

/** The files in a FileDescriptorSet: field 1 of the set; a file's path is its field 1. */
function filesIn(set: Buffer): DescribedFile[] {
  const files: DescribedFile[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let shift = 1;
    for (;;) {
      const byte = set[at++] ?? 0;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
      shift *= 128;
    }
  };
  while (at < set.length) {
    varint(); // the tag of `file`
    const end = varint() + at;
    const start = at;
    varint(); // the tag of `name`, always first
    const length = varint();
    files.push({ path: set.toString("utf8", at, at + length), bytes: set.subarray(start, end) });
    at = end;
  }
  return files;
}

/** Every file's descriptor as text, so that a type can be had by its name without any module of its own. */
async function writeTypes(files: readonly DescribedFile[]): Promise<void> {
  const { fromBinary } = await import("@bufbuild/protobuf");
  const { FileDescriptorProtoSchema } = await import("@bufbuild/protobuf/wkt");
  const table = files.map(({ path, bytes }) => {
    const { package: scope, messageType } = fromBinary(FileDescriptorProtoSchema, bytes);
    const names = messageType.map(({ name }) => (scope === "" ? name : `${scope}.${name}`));
    return [path, names, bytes.toString("base64")] as const;
  });
  mkdirSync(join(gen, "types"), { recursive: true });
  const lines = table.map((entry) => `  ${JSON.stringify(entry)},\n`).join("");
  writeFileSync(join(gen, "types/files_pb.js"), `/* eslint-disable */\nexport const files = [\n${lines}];\n`);
  const type = "readonly (readonly [path: string, messages: readonly string[], descriptor: string])[]";
  writeFileSync(join(gen, "types/files_pb.d.ts"), `export declare const files: ${type};\n`);
}

const require = createRequire(import.meta.url);
const stamp = inputsDigest();
const isFresh = existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
if (!(process.argv.includes("--if-stale") && isFresh)) {
  process.stderr.write("generating protobuf types …\n");
  rmSync(gen, { recursive: true, force: true });
  mkdirSync(gen, { recursive: true });
  const protoc = join(dirname(require.resolve("protoc/package.json", { paths: [root] })), "protoc.cjs");
  const run = (options: string[]): unknown =>
    execFileSync(process.execPath, [protoc, ...options], { stdio: "inherit" });
  const args = [
    `--descriptor_set_in=${descriptors}`,
    `--plugin=protoc-gen-es=${join(root, "node_modules/.bin/protoc-gen-es")}`,
    `--es_out=${gen}`,
    "--es_opt=target=js+dts,import_extension=js",
  ];
  const upstream = filesIn(readFileSync(descriptors)).filter(({ path }) => !path.startsWith("google/protobuf/"));
  run([...args, ...upstream.map(({ path }) => path)]);
  run([`-I${join(root, "proto")}`, ...args, ...ownFiles]);
  const own = join(gen, "own.binpb");
  run([`-I${join(root, "proto")}`, `--descriptor_set_in=${descriptors}`, `--descriptor_set_out=${own}`, ...ownFiles]);
  await writeTypes([...upstream, ...filesIn(readFileSync(own))]);
  writeFileSync(stampFile, stamp);
}
