/**
 * Generates `gen/` from `proto/upstream/descriptors.binpb` and our own `proto/{mesh,istio}/**.proto`.
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
const ownFiles = globSync("{mesh,istio}/**/*.proto", { cwd: join(root, "proto") }).sort();

function inputsDigest(): string {
  const hash = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.url)));
  hash.update(readFileSync(descriptors));
  for (const file of ownFiles) hash.update(file).update(readFileSync(join(root, "proto", file)));
  return hash.digest("hex");
}

/** The paths of every file in a FileDescriptorSet: field 1 of the set, field 1 of each file. */
function pathsIn(set: Buffer): string[] {
  const paths: string[] = [];
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
    varint(); // the tag of `name`, always first
    const length = varint();
    paths.push(set.toString("utf8", at, at + length));
    at = end;
  }
  return paths;
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
  const upstream = pathsIn(readFileSync(descriptors)).filter((path) => !path.startsWith("google/protobuf/"));
  run([...args, ...upstream]);
  run([`-I${join(root, "proto")}`, ...args, ...ownFiles]);
  writeFileSync(stampFile, stamp);
}
