import { readDocuments } from "@lateen/api";
import type { Claim, Intake, NamespaceLabels } from "./claim.ts";
import { readObject } from "./read-object.ts";
import type { IntakeOptions } from "./read-object.ts";
import type { Violation } from "@lateen/model";

/** Everything a file says. A second object of the same name in one file is a mistake; the first one counts. */
export function readText(text: string, file: string, options: IntakeOptions): Intake {
  const { documents, violations: syntax } = readDocuments(text, file);
  const claims = new Map<string, Claim>();
  const violations: Violation[] = [...syntax];
  const namespaces: NamespaceLabels[] = [];
  let broken = syntax.length > 0;
  for (const document of documents) {
    const intake = readObject(document, options);
    broken ||= intake.broken;
    violations.push(...intake.violations);
    namespaces.push(...(intake.namespaces ?? []));
    for (const claim of intake.claims) {
      const first = claims.get(claim.key);
      if (first) violations.push(duplicateOf(claim, first));
      else claims.set(claim.key, claim);
    }
  }
  return { claims: [...claims.values()], violations, broken, ...(namespaces.length === 0 ? {} : { namespaces }) };
}

/** What is said to the object that is ignored. */
export function duplicateOf(loser: Claim, winner: Claim): Violation {
  const { kind, namespace, name } = loser.origin;
  const message = `${kind} ${namespace}/${name} is also at ${placeOf(winner)}, which counts; this one is ignored: remove or rename it`;
  return {
    object: loser.origin,
    path: "metadata.name",
    severity: "error",
    code: "duplicate-object",
    message,
    ...lineOf(loser),
  };
}

/** What is said to the object that counts. */
export function shadowing(winner: Claim, loser: Claim): Violation {
  const message = `is also at ${placeOf(loser)}; this one counts, the other is ignored`;
  return {
    object: winner.origin,
    path: "metadata.name",
    severity: "warning",
    code: "duplicate-object",
    message,
    ...lineOf(winner),
  };
}

function placeOf({ origin }: Claim): string {
  return [origin.file ?? "another place", origin.line].filter((part) => part !== undefined).join(":");
}

function lineOf({ origin }: Claim): { line?: number } {
  return origin.line === undefined ? {} : { line: origin.line };
}
