import { spawnSync } from "node:child_process";
import type { Bundle } from "./bundles.ts";
import type { Figure } from "./figure.ts";

/** Images named lateen/* of the local container engine, newest tag first, and the bundles that go into them. */
export function sizeFigures(bundles: readonly Bundle[]): readonly Figure[] {
  const images = listImages();
  const seen = new Set<string>();
  const newest = images.filter(({ name }) => !seen.has(name) && seen.add(name));
  return [
    ...newest.map(
      ({ name, tag, bytes }): Figure => ({ name: `image ${name}`, value: bytes / 1e6, unit: "MB", note: `tag ${tag}` }),
    ),
    ...bundles.map(({ service, bytes }): Figure => {
      const note = newest.length === 0 ? "no image here; without the base image" : "of which the bundle";
      return { name: `bundle ${service}`, value: bytes / 1e6, unit: "MB", note };
    }),
  ];
}

interface Image {
  readonly name: string;
  readonly tag: string;
  readonly bytes: number;
}

/** From docker, podman or buildah, whichever answers first and knows one. */
function listImages(): readonly Image[] {
  for (const engine of ["docker", "podman"]) {
    const { status, stdout } = spawnSync(engine, ["images", "--format", "{{.Repository}}:{{.Tag}}\t{{.Size}}"], {
      encoding: "utf8",
    });
    const images = status === 0 ? stdout.split("\n").flatMap((line) => parseLine(line.split("\t"))) : [];
    if (images.length > 0) return images;
  }
  const { status, stdout } = spawnSync("buildah", ["images", "--json"], { encoding: "utf8" });
  if (status !== 0) return [];
  const listed = JSON.parse(stdout) as readonly { names?: readonly string[] | null; size?: string }[];
  return listed.flatMap(({ names, size }) => (names ?? []).flatMap((name) => parseLine([name, size ?? ""])));
}

const ours = /(?:^|\/)lateen\/([\w-]+):(.+)$/;
const units: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

function parseLine([reference = "", size = ""]: readonly string[]): Image[] {
  const [, name, tag] = ours.exec(reference) ?? [];
  const [, amount, unit = "B"] = /^([\d.]+)\s*([kKMG]?i?B)$/.exec(size.trim()) ?? [];
  const factor = units[unit];
  if (name === undefined || tag === undefined || amount === undefined || factor === undefined) return [];
  return [{ name, tag, bytes: Number(amount) * factor }];
}
