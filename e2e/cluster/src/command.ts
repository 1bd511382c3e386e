import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class CommandFailed extends Error {
  readonly result: CommandResult;

  constructor(command: string, result: CommandResult, why: string) {
    super(`${command} ${why}: ${lastLines(result.stderr) || lastLines(result.stdout) || "no output"}`);
    this.result = result;
  }
}

/** Runs a program to its end; the answer has its exit code, whatever it is. Rejects where it cannot run or takes too long. */
export async function attempt(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input, timeoutMs = 240_000, env, cwd } = options;
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8");
    child[name].on("data", (chunk: string) => {
      output[name] += chunk;
    });
  }
  child.stdin.on("error", () => undefined); // it may end before it has read all
  child.stdin.end(input ?? "");
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const code = await new Promise<number | null>((done, fail) => child.once("error", fail).once("close", done)).finally(
    () => clearTimeout(timer),
  );
  const result = { code, ...output };
  if (late) throw new CommandFailed(describe(program, args), result, `took more than ${timeoutMs / 1000} s`);
  return result;
}

/** As `attempt`, and rejects with the last lines of the output where the exit code is not 0. Answers standard output. */
export async function capture(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await attempt(program, args, options);
  if (result.code !== 0) throw new CommandFailed(describe(program, args), result, `ended with ${result.code}`);
  return result.stdout;
}

function describe(program: string, args: readonly string[]): string {
  const text = [program, ...args].join(" ");
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-8).join("\n");
}
