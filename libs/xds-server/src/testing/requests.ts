import type { DeltaRequest, SotwRequest } from "../wire/request.ts";

export function sotwRequest(typeUrl: string, fields: Partial<SotwRequest> = {}): SotwRequest {
  return { typeUrl, nonce: "", error: undefined, node: undefined, names: [], versionInfo: "", ...fields };
}

export function deltaRequest(typeUrl: string, fields: Partial<DeltaRequest> = {}): DeltaRequest {
  return {
    typeUrl,
    nonce: "",
    error: undefined,
    node: undefined,
    subscribe: [],
    unsubscribe: [],
    initialVersions: new Map(),
    ...fields,
  };
}
