/** One condition of being ready. `check` is asked on every /readyz: cheap, synchronous, never throws. */
export interface HealthCheck {
  readonly name: string;
  check(): { ready: boolean; detail?: string };
}

export interface CheckResult {
  readonly name: string;
  readonly ready: boolean;
  readonly detail?: string;
}

/** All checks of a process, and whether it is draining: then nothing is ready any more. */
export class Health {
  readonly #checks: HealthCheck[];
  #draining = false;

  constructor(checks: readonly HealthCheck[] = []) {
    this.#checks = [...checks];
  }

  /** Readiness is red from now on. There is no way back. */
  startDraining(): void {
    this.#draining = true;
  }

  run(): readonly CheckResult[] {
    const lifecycle: CheckResult = this.#draining
      ? { name: "lifecycle", ready: false, detail: "draining" }
      : { name: "lifecycle", ready: true };
    return [lifecycle, ...this.#checks.map(runCheck)];
  }
}

function runCheck(check: HealthCheck): CheckResult {
  try {
    return { name: check.name, ...check.check() };
  } catch (error) {
    return { name: check.name, ready: false, detail: `check failed: ${String(error)}` };
  }
}

/** A check that a piece of code turns green or red itself. */
export function createFlag(name: string, detail: string): HealthCheck & { set(ready: boolean, detail?: string): void } {
  let state: { ready: boolean; detail?: string } = { ready: false, detail };
  return {
    name,
    check: () => state,
    set(ready, why) {
      state = why === undefined ? { ready } : { ready, detail: why };
    },
  };
}
