import { NotHere } from "@lateen/e2e-istio";

/** One thing that must hold. What `run` answers is shown behind its name: the figures it saw. */
export interface Check<W> {
  readonly name: string;
  /** Nothing after it makes sense where it fails. */
  readonly vital?: boolean;
  run(world: W): Promise<string>;
}

export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
}

export interface SuiteOptions<W> {
  readonly checks: readonly Check<W>[];
  readonly world: W;
  readonly print: (line: string) => void;
  /** Called after a failure, to show why. */
  readonly explain: (world: W) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Runs the checks in order. After a vital one that failed the rest is not run, and counts as failed by name. One whose
 * means cannot be had here (`NotHere`) says so and counts not at all.
 */
export async function runSuite<W>({ checks, world, print, explain, signal }: SuiteOptions<W>): Promise<SuiteResult> {
  let passed = 0;
  let skipped = 0;
  let stopped = "";
  for (const check of checks) {
    if (signal.aborted) stopped ||= "the suite was asked to stop";
    if (stopped !== "") {
      print(`not run  ${check.name}: ${stopped}`);
      continue;
    }
    const started = Date.now();
    const took = (): string => `${((Date.now() - started) / 1000).toFixed(1)} s`;
    try {
      const detail = await check.run(world);
      passed += 1;
      print(`ok       ${check.name} (${took()})${detail === "" ? "" : `: ${detail}`}`);
    } catch (error) {
      if (error instanceof NotHere) {
        skipped += 1;
        print(`skipped  ${check.name}: ${error.message}`);
        continue;
      }
      print(`FAILED   ${check.name} (${took()}): ${error instanceof Error ? error.message : String(error)}`);
      await explain(world).catch((cause: unknown) => print(`         cannot say more: ${String(cause)}`));
      if (check.vital) stopped = `"${check.name}" failed`;
    }
  }
  return { passed, failed: checks.length - passed - skipped };
}
