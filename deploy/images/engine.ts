import { spawn } from "node:child_process";

/** A program that builds container images from Dockerfiles. */
export interface Engine {
  readonly name: "docker" | "podman" | "buildah";
  build(image: ImageBuild): Promise<void>;
  /** Bytes of the image as the engine counts them; undefined where it does not say. */
  size(reference: string): Promise<number | undefined>;
}

export interface ImageBuild {
  readonly reference: string;
  readonly dockerfile: string;
  readonly context: string;
  readonly arguments: Readonly<Record<string, string>>;
  /** More flags for the engine, e.g. `--isolation chroot` where namespaces are not allowed. */
  readonly flags: readonly string[];
}

const names = ["docker", "podman", "buildah"] as const;

/** The engine asked for, or the first one that works here. Throws with a remedy where there is none. */
export async function findEngine(wanted: string | undefined): Promise<Engine> {
  if (wanted !== undefined && !names.some((name) => name === wanted))
    throw new Error(`IMAGE_BUILDER is "${wanted}"; use ${names.join(", ")}`);
  const name = await firstWorking(names.filter((candidate) => (wanted ?? candidate) === candidate));
  if (name === undefined)
    throw new Error(
      `none of ${wanted ?? names.join(", ")} works here ("info" fails: not installed, or its daemon is not running)`,
    );
  const verb = name === "buildah" ? "bud" : "build";
  return {
    name,
    async build({ reference, dockerfile, context, arguments: values, flags }) {
      const given = Object.entries(values).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
      await capture(name, [verb, ...flags, ...given, "--file", dockerfile, "--tag", reference, context]);
    },
    async size(reference) {
      const template = name === "buildah" ? ["images", "--json", reference] : ["image", "inspect", reference];
      const [image] = JSON.parse(await capture(name, template)) as { Size?: number; size?: string | number }[];
      const size = image?.Size ?? image?.size;
      return typeof size === "string" ? parseSize(size) : size;
    },
  };
}

/** Runs a program to its end and gives what it printed; on failure throws with the last lines of it. */
async function capture(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let all = "";
  child.stdout.on("data", (text: Buffer) => {
    output += text.toString();
    all += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    all += text.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  if (code !== 0)
    throw new Error(
      `${program} ${args.join(" ")} ended with ${code}:\n${all.trim().split("\n").slice(-15).join("\n")}`,
    );
  return output;
}

/** A client alone is not enough: docker's daemon must answer, too. */
async function firstWorking(candidates: readonly Engine["name"][]): Promise<Engine["name"] | undefined> {
  for (const candidate of candidates) {
    const works = await capture(candidate, ["info"]).then(
      () => true,
      () => false,
    );
    if (works) return candidate;
  }
  return undefined;
}

/** `165 MB` as buildah writes it. */
function parseSize(text: string): number | undefined {
  const [, amount, unit = "B"] = /^([\d.]+)\s*([KMG]?i?B)?$/.exec(text) ?? [];
  const factor: Readonly<Record<string, number>> = {
    B: 1,
    KB: 1e3,
    MB: 1e6,
    GB: 1e9,
    KiB: 1024,
    MiB: 1024 ** 2,
    GiB: 1024 ** 3,
  };
  return amount === undefined ? undefined : Number(amount) * (factor[unit] ?? 1);
}
