import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import type { Logger } from "@lateen/runtime";

/** What goes over the bootstrap. */
export interface BootstrapPatches {
  /** `EnvoyFilter/namespace/name#0` of each, in the order of application. */
  readonly names: readonly string[];
  /** All of them merged: a `Bootstrap` as JSON. */
  readonly value: string;
}

export interface PatchSource {
  /** Those that are meant for this proxy, or of these the ones named; undefined when nobody answers in time. */
  ask(wanted: {
    readonly names?: readonly string[];
    readonly waitMs: number;
    readonly signal: AbortSignal;
  }): Promise<BootstrapPatches | undefined>;
  /** Tells that Envoy runs without these, and why. Does not reject. */
  report(names: readonly string[], problem: string): Promise<void>;
}

export interface StartPatchesOptions {
  readonly source: PatchSource;
  /** Where the last good ones are kept. */
  readonly file: string;
  /** What Envoy has against its bootstrap with these; undefined for nothing. */
  readonly judge: (value: string) => Promise<string | undefined>;
  readonly logger: Logger;
}

export const noPatches: BootstrapPatches = { names: [], value: "{}" };

/** Without pilot Envoy has nothing to do, so there is time; with patches at hand it need not be long. */
const waitMs = { first: 10_000, later: 2_000 };
/** Starts in a row that ended at once, after which patches are held to be the reason. */
const failuresAllowed = 2;

/** With which patches Envoy is started: pilot's, or the last good ones, and none that Envoy refuses. */
export class StartPatches {
  readonly #options: StartPatchesOptions;
  #current = noPatches;
  #failures = 0;
  /** A value with which Envoy ended again and again. */
  #distrusted: string | undefined;

  constructor(options: StartPatchesOptions) {
    this.#options = options;
  }

  /** Asked before each start; bounded. */
  async next(signal: AbortSignal): Promise<BootstrapPatches> {
    const { source, file, logger } = this.#options;
    const lastGood = await readPatches(file);
    const answer = await source.ask({ waitMs: lastGood === undefined ? waitMs.first : waitMs.later, signal });
    if (answer === undefined)
      logger.warn(
        { origin: lastGood?.names ?? [] },
        "pilot does not say what to patch in the bootstrap, starting with the last",
      );
    const wanted = answer ?? lastGood ?? noPatches;
    const known = wanted.names.length === 0 || wanted.value === lastGood?.value;
    const usable = known ? wanted : await this.#usable(wanted, signal);
    this.#current = usable.value === this.#distrusted ? noPatches : usable;
    if (answer !== undefined) await writeFile(file, JSON.stringify(this.#current), { mode: 0o600 });
    return this.#current;
  }

  /** How the start with the patches of the last `next` went. */
  async ended({ soon, reason }: { readonly soon: boolean; readonly reason: string }): Promise<void> {
    const { names, value } = this.#current;
    this.#failures = soon && names.length > 0 ? this.#failures + 1 : 0;
    if (this.#failures < failuresAllowed) return;
    this.#failures = 0;
    this.#distrusted = value;
    await this.#refuse(names, `envoy ended ${failuresAllowed} times with ${reason} before it was ready`);
  }

  /** All of `patches` if Envoy takes them, else those that it takes one after the other. */
  async #usable(patches: BootstrapPatches, signal: AbortSignal): Promise<BootstrapPatches> {
    const { source, judge } = this.#options;
    const problem = await judge(patches.value);
    if (problem === undefined) return patches;
    let kept = noPatches;
    for (const name of patches.names) {
      const names = [...kept.names, name];
      const one = patches.names.length === 1 ? patches : await source.ask({ names, waitMs: waitMs.later, signal });
      if (one === undefined || one.names.length !== names.length) return kept;
      const wrong = patches.names.length === 1 ? problem : await judge(one.value);
      if (wrong === undefined) kept = one;
      else await this.#refuse([name], wrong);
    }
    return kept;
  }

  async #refuse(names: readonly string[], problem: string): Promise<void> {
    const { source, logger } = this.#options;
    logger.error({ origin: names, reason: problem }, "envoy is started without patches of its bootstrap");
    await source.report(names, problem);
  }
}

async function readPatches(file: string): Promise<BootstrapPatches | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as BootstrapPatches;
  } catch {
    return undefined; // there were none, or half of a file
  }
}

/** An argument of a program is at most 128 KiB long on Linux. */
const longestValue = 120_000;

/** Envoy's own judgement of `bootstrapFile` with a patch. An Envoy that cannot be run has none. */
export function judgeWith(binary: string, bootstrapFile: string): (value: string) => Promise<string | undefined> {
  return async (value) => {
    if (value.length > longestValue) return `they are ${value.length} bytes long, more than ${longestValue}`;
    const args = ["--mode", "validate", "--disable-hot-restart", "--concurrency", "1", "-l", "error"];
    return await new Promise((resolve) => {
      execFile(
        binary,
        [...args, ...patchedArguments(bootstrapFile, value)],
        { timeout: 30_000 },
        (error, _out, stderr) =>
          resolve(error === null || error.code === "ENOENT" ? undefined : (reasonIn(stderr) ?? error.message)),
      );
    });
  };
}

/** Envoy merges what is in the second argument into the first, as protobuf merges messages. */
export function patchedArguments(bootstrapFile: string, value: string): readonly string[] {
  return ["-c", bootstrapFile, ...(value === noPatches.value ? [] : ["--config-yaml", value])];
}

function reasonIn(stderr: string): string | undefined {
  const [, reason] = /error initializing configuration '[^']*': ?([\s\S]*)$/.exec(stderr) ?? [];
  const text = (reason ?? stderr).trim();
  return text === "" ? undefined : text.slice(0, 500);
}
