import { audienceOf } from "@lateen/model";
import type { Audience, Labels } from "@lateen/model";
import {
  type AuthorizationPolicy,
  AuthorizationPolicy_Action,
  type Rule,
} from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";

/** The provider of `action: CUSTOM` that is this service. */
export const providerName = "lateen-policy";
/** `<name>` or `<name>=<value>`: what a request must carry. */
export const requireHeaderAnnotation = "policy.lateen.dev/require-header";

export interface RequiredHeader {
  /** Lower case. */
  readonly name: string;
  /** Absent: any value, also an empty one. */
  readonly value?: string;
}

/** An AuthorizationPolicy whose requests this service decides on. */
export interface CustomPolicy {
  /** `<namespace>/<name>` */
  readonly id: string;
  readonly audience: Audience;
  readonly rules: readonly Rule[];
  /** Absent: the policy asks, and everything is allowed. */
  readonly required?: RequiredHeader;
}

export interface PolicyMeta {
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Labels;
}

/** undefined for a policy of another action or provider. */
export function customPolicyOf(meta: PolicyMeta, spec: AuthorizationPolicy): CustomPolicy | undefined {
  if (spec.action !== AuthorizationPolicy_Action.CUSTOM || spec.actionDetail.value?.name !== providerName)
    return undefined;
  const annotation = meta.annotations[requireHeaderAnnotation];
  return {
    id: `${meta.namespace}/${meta.name}`,
    audience: audienceOf(meta.namespace, spec.selector?.matchLabels, spec),
    rules: spec.rules,
    ...(annotation === undefined ? {} : { required: requiredHeader(annotation) }),
  };
}

function requiredHeader(annotation: string): RequiredHeader {
  const equals = annotation.indexOf("=");
  if (equals < 0) return { name: annotation.trim().toLowerCase() };
  return { name: annotation.slice(0, equals).trim().toLowerCase(), value: annotation.slice(equals + 1).trim() };
}
