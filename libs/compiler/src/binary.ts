import type { EnvoyFeature } from "./envoy-features.ts";
import { byIdentity } from "./index/remember.ts";
import type { ProxyScope } from "./scope.ts";

/** Those that are in Envoy's contrib binaries only. */
const neverAssumed: readonly string[] = ["envoy.filters.network.mysql_proxy"];

/** Whether the binary contains an extension; one that did not list any is assumed to have all of Envoy's own. */
export function containsExtension({ extensions }: Pick<ProxyScope, "extensions">, name: string): boolean {
  return extensions?.includes(name) ?? !neverAssumed.includes(name);
}

/** What was asked about a binary, and the answers. */
export interface AskedOfBinary {
  readonly extensions: ReadonlyMap<string, boolean>;
  readonly features: ReadonlyMap<EnvoyFeature, boolean>;
}

/**
 * `scope` that takes down what is asked about its binary; the same object for the same scope. Binaries list hundreds of
 * extensions, and releases differ, but of what a proxy is told almost nothing depends on it.
 */
export const withObservedBinary = byIdentity((scope: ProxyScope): { scope: ProxyScope; asked: AskedOfBinary } => {
  const asked = { extensions: new Map<string, boolean>(), features: new Map<EnvoyFeature, boolean>() };
  const extensions = { includes: (name: string) => answered(asked.extensions, name, containsExtension(scope, name)) };
  const features = {
    includes: (name: EnvoyFeature) => answered(asked.features, name, scope.features.includes(name)),
  };
  return { scope: { ...scope, extensions, features } as unknown as ProxyScope, asked };
});

/** Whether the binary of `scope` would have given the same answers. */
export function answersAlike({ extensions, features }: AskedOfBinary, scope: ProxyScope): boolean {
  return (
    extensions.entries().every(([name, answer]) => containsExtension(scope, name) === answer) &&
    features.entries().every(([name, answer]) => scope.features.includes(name) === answer)
  );
}

function answered<Name>(answers: Map<Name, boolean>, name: Name, answer: boolean): boolean {
  answers.set(name, answer);
  return answer;
}
