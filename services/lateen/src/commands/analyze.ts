import { analyzeFolders } from "../analysis.ts";
import { formatViolation } from "../violation-text.ts";

/** Prints every mistake in the given files and folders, sorted by place. Exit code 1 if one is an error. */
export async function analyzePaths(paths: readonly string[], options: { readonly output: string }): Promise<void> {
  const { violations, objects } = await analyzeFolders(paths);
  const errors = violations.filter((violation) => violation.severity === "error").length;
  if (options.output === "json") console.log(JSON.stringify(violations, null, 2));
  else {
    for (const violation of violations) console.log(formatViolation(violation));
    console.log(`${objects} objects, ${errors} errors, ${violations.length - errors} warnings`);
  }
  if (errors > 0) process.exitCode = 1;
}
