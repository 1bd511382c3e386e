import { ConfigError } from "@lateen/runtime";

/** Throws ConfigError that names the variable. */
export function parseJson(variable: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(
      new Map([[variable, `must be JSON: ${cause instanceof Error ? cause.message : String(cause)}`]]),
    );
  }
}
