import * as z from "zod";
import { MeshError, runtimeCodes } from "./errors.ts";

/** The environment does not describe a configuration. The message names every bad variable; exit code 2. */
export class ConfigError extends MeshError {
  readonly variables: readonly string[];

  constructor(problems: ReadonlyMap<string, string>) {
    const lines = [...problems].map(([variable, problem]) => `\n  ${variable}: ${problem}`);
    super(runtimeCodes.configInvalid, `invalid configuration, correct these environment variables:${lines.join("")}`);
    this.variables = [...problems.keys()];
  }
}

/** Parses the environment. An empty variable counts as unset, as Helm charts leave them. Throws ConfigError. */
export function loadConfig<T>(schema: z.ZodType<T>, env: NodeJS.ProcessEnv = process.env): T {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = new Map<string, string>();
  for (const issue of parsed.error.issues) {
    const variable = issue.path.length === 0 ? "(environment)" : issue.path.map(String).join(".");
    const problem = `${issue.message}${shown(variable, given)}`;
    const earlier = problems.get(variable);
    problems.set(variable, earlier === undefined ? problem : `${earlier}; ${problem}`);
  }
  throw new ConfigError(problems);
}

const sensitive = /SECRET|TOKEN|PASSWORD|SEED|CREDENTIAL|KEY/;

function shown(variable: string, env: NodeJS.ProcessEnv): string {
  const value = env[variable];
  if (value === undefined) return " (not set)";
  return sensitive.test(variable) ? " (value not shown)" : ` (is ${JSON.stringify(value)})`;
}

/** Zod pieces for environment variables, which are always text. */
export const settings = {
  /** A TCP port; 0 lets the system choose. */
  port: (fallback: number) =>
    z.coerce.number("must be a port number").int("must be a whole number").min(0).max(65535).default(fallback),
  /** A whole number of at least `minimum`. */
  count: (fallback: number, minimum = 0) =>
    z.coerce.number("must be a number").int("must be a whole number").min(minimum).default(fallback),
  /** `true`/`false`, `1`/`0`, `yes`/`no`, `on`/`off`. */
  flag: (fallback: boolean) => z.stringbool({ error: "must be true or false" }).default(fallback),
  /** Comma-separated words, without empty ones. */
  list: (fallback: readonly string[] = []) =>
    z
      .string()
      .transform(splitList)
      .default([...fallback]),
  logLevel: () =>
    z
      .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"], {
        error: "must be trace, debug, info, warn, error, fatal or silent",
      })
      .default("info"),
} as const;

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}
