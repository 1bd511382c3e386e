import { compareText, formatRef } from "@lateen/model";
import type { Finding, ObjectRef } from "@lateen/model";

/** Collects what a compilation notices; each finding once, in an order that does not depend on the input's. */
export class Findings {
  readonly #byKey = new Map<string, Finding>();

  warn(object: ObjectRef, code: string, message: string, related: readonly ObjectRef[] = []): void {
    this.add({ object, severity: "warning", code, message, ...relatedTo(related) });
  }

  error(object: ObjectRef, code: string, message: string, related: readonly ObjectRef[] = []): void {
    this.add({ object, severity: "error", code, message, ...relatedTo(related) });
  }

  info(object: ObjectRef, code: string, message: string, related: readonly ObjectRef[] = []): void {
    this.add({ object, severity: "info", code, message, ...relatedTo(related) });
  }

  add(finding: Finding): void {
    const object = plainRef(finding.object);
    this.#byKey.set(`${formatRef(object)} ${finding.code} ${finding.message}`, { ...finding, object });
  }

  list(): readonly Finding[] {
    return [...this.#byKey].sort(([left], [right]) => compareText(left, right)).map(([, finding]) => finding);
  }
}

function relatedTo(related: readonly ObjectRef[]): { readonly related?: readonly ObjectRef[] } {
  if (related.length === 0) return {};
  return { related: related.map(plainRef).sort((left, right) => compareText(formatRef(left), formatRef(right))) };
}

/** Without file and line, which are the source's and not the mesh's. */
export function plainRef({ kind, namespace, name }: ObjectRef): ObjectRef {
  return { kind, namespace, name };
}
