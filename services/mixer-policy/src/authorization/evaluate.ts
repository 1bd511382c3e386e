import { isMeant } from "@lateen/model";
import type { Peer } from "../mirror/peer.ts";
import type { CustomPolicy } from "./custom-policy.ts";
import type { Question } from "./question.ts";
import { asksAbout } from "./rule-match.ts";

export type Verdict =
  | { readonly allow: true; readonly result: "allowed" | "unknown_policy" }
  | {
      readonly allow: false;
      readonly result: "denied" | "unknown_policy" /** For the caller. */;
      readonly reason: string;
    };

export interface PolicyWorld {
  readonly policies: ReadonlyMap<string, CustomPolicy>;
  readonly rootNamespace: string;
  /** The workload that received the request. */
  readonly destination: Peer | undefined;
  /** What to answer when no policy is found for a request. */
  readonly failOpen: boolean;
}

/** Every policy that asks must be content. Pure: the same question and world give the same verdict. */
export function evaluate(question: Question, world: PolicyWorld): Verdict {
  const asking = policiesFor(question, world);
  if (asking.length === 0) return unknown(question, world);
  for (const policy of asking) {
    const { required } = policy;
    if (required === undefined) continue;
    const value = question.headers[required.name];
    if (value === undefined) return denied(`policy ${policy.id} requires the header ${required.name}`);
    if (required.value !== undefined && value !== required.value)
      return denied(`policy ${policy.id} requires another value of the header ${required.name}`);
  }
  return { allow: true, result: "allowed" };
}

function policiesFor(question: Question, world: PolicyWorld): readonly CustomPolicy[] {
  if (question.policy !== undefined) {
    const named = world.policies.get(question.policy);
    return named === undefined ? [] : [named];
  }
  const { destination } = world;
  if (destination === undefined) return [];
  return [...world.policies.values()].filter(
    (policy) => appliesTo(policy, destination, world.rootNamespace) && asksAbout(policy.rules, question),
  );
}

function appliesTo({ audience }: CustomPolicy, workload: Peer, rootNamespace: string): boolean {
  if (audience.namespace !== workload.namespace && audience.namespace !== rootNamespace) return false;
  return isMeant(audience, workload);
}

function unknown(question: Question, { failOpen }: PolicyWorld): Verdict {
  if (failOpen) return { allow: true, result: "unknown_policy" };
  const which =
    question.policy === undefined
      ? "no policy is known for this request"
      : `the policy ${question.policy} is not known`;
  return { allow: false, result: "unknown_policy", reason: `${which} to the policy service` };
}

function denied(reason: string): Verdict {
  return { allow: false, result: "denied", reason };
}
