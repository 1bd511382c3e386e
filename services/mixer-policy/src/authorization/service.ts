import { create } from "@bufbuild/protobuf";
import {
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
} from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  Authorization,
  type CheckRequest,
  type CheckResponse,
  CheckResponseSchema,
} from "@lateen/protos/envoy/service/auth/v3/external_auth_pb.js";
import { StatusCode } from "@lateen/protos/envoy/type/v3/http_status_pb.js";
import { defineService, RpcCode, type RpcService } from "@lateen/rpc";
import type { MixerMetrics } from "../metrics.ts";
import type { MeshMirror } from "../mirror/mesh-mirror.ts";
import { evaluate, type Verdict } from "./evaluate.ts";
import { questionOf } from "./question.ts";

export interface Authorizer {
  readonly mirror: MeshMirror;
  readonly rootNamespace: string;
  readonly failOpen: boolean;
  readonly metrics: MixerMetrics;
}

/** envoy.service.auth.v3: the provider `lateen-policy` of AuthorizationPolicy CUSTOM. */
export function authorizationService(authorizer: Authorizer): RpcService {
  return defineService(Authorization, { check: async (request) => check(request, authorizer) });
}

export function check(request: CheckRequest, { mirror, rootNamespace, failOpen, metrics }: Authorizer): CheckResponse {
  const question = questionOf(request.attributes);
  const destination =
    mirror.workloads.atAddress(question.destinationAddress) ??
    mirror.workloads.ofPrincipal(request.attributes?.destination?.principal ?? "");
  const verdict = evaluate(question, { policies: mirror.policies, rootNamespace, failOpen, destination });
  metrics.policyChecked(verdict.result, verdict.allow);
  return responseOf(verdict);
}

function responseOf(verdict: Verdict): CheckResponse {
  if (verdict.allow) {
    return create(CheckResponseSchema, {
      status: { code: RpcCode.OK },
      httpResponse: { case: "okResponse", value: { headers: [header("allowed")] } },
    });
  }
  return create(CheckResponseSchema, {
    status: { code: RpcCode.PERMISSION_DENIED, message: verdict.reason },
    httpResponse: {
      case: "deniedResponse",
      value: { status: { code: StatusCode.Forbidden }, headers: [header("denied")], body: `${verdict.reason}\n` },
    },
  });
}

/** Overwrites what a caller may have sent under this name. */
function header(value: string) {
  return create(HeaderValueOptionSchema, {
    header: { key: "x-lateen-policy", value },
    appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  });
}
