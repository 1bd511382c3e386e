import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { StatusSchema } from "@lateen/protos/google/rpc/status_pb.js";

interface CommonRequest {
  readonly typeUrl: string;
  readonly nonce: string;
  /** Why the answer `nonce` is refused; undefined for an acknowledgement or a plain request. */
  readonly error: string | undefined;
  /** The still encoded Node. Most clients repeat it in every request, and only the first one is ever read. */
  readonly node: Uint8Array | undefined;
}

export interface SotwRequest extends CommonRequest {
  readonly names: readonly string[];
  readonly versionInfo: string;
}

export interface DeltaRequest extends CommonRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
}

/** A request that is not what the protocol says, or asks for what is not served. The message is for the client. */
export class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";
}

const locatorsUnsupported = "resource_locators are not supported: name the resources in resource_names";

/** An encoded envoy.service.discovery.v3.DiscoveryRequest. Throws InvalidRequest. */
export function decodeSotwRequest(bytes: Uint8Array): SotwRequest {
  const request = { ...emptyCommon(), names: [] as string[], versionInfo: "" };
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        request.versionInfo = reader.string();
        return true;
      case 2:
        request.node = reader.bytes();
        return true;
      case 3:
        request.names.push(reader.string());
        return true;
      case 4:
        request.typeUrl = reader.string();
        return true;
      case 5:
        request.nonce = reader.string();
        return true;
      case 6:
        request.error = decodeError(reader.bytes());
        return true;
      case 7:
        throw new InvalidRequest(locatorsUnsupported);
      default:
        return false;
    }
  });
  return checked(request);
}

/** An encoded envoy.service.discovery.v3.DeltaDiscoveryRequest. Throws InvalidRequest. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaRequest {
  const request = {
    ...emptyCommon(),
    subscribe: [] as string[],
    unsubscribe: [] as string[],
    initialVersions: noVersions,
  };
  const versions = new Map<string, string>();
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        request.node = reader.bytes();
        return true;
      case 2:
        request.typeUrl = reader.string();
        return true;
      case 3:
        request.subscribe.push(reader.string());
        return true;
      case 4:
        request.unsubscribe.push(reader.string());
        return true;
      case 5:
        versions.set(...decodeEntry(reader.bytes()));
        request.initialVersions = versions;
        return true;
      case 6:
        request.nonce = reader.string();
        return true;
      case 7:
        request.error = decodeError(reader.bytes());
        return true;
      case 8:
      case 9:
        throw new InvalidRequest(locatorsUnsupported);
      default:
        return false;
    }
  });
  return checked(request);
}

const noVersions: ReadonlyMap<string, string> = new Map();

interface MutableCommon {
  typeUrl: string;
  nonce: string;
  error: string | undefined;
  node: Uint8Array | undefined;
}

function emptyCommon(): MutableCommon {
  return { typeUrl: "", nonce: "", error: undefined, node: undefined };
}

function checked<R extends CommonRequest>(request: R): R {
  if (request.typeUrl === "")
    throw new InvalidRequest("type_url is empty: an aggregated stream needs it in every request");
  return request;
}

/** `read` returns false for a field it does not know; that one is skipped, as protobuf asks. */
function readFields(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (!read(field, reader)) reader.skip(wireType, field);
    }
  } catch (error) {
    if (error instanceof InvalidRequest) throw error;
    throw new InvalidRequest("the request is not a valid discovery request", { cause: error });
  }
}

function decodeEntry(bytes: Uint8Array): [string, string] {
  let [name, version] = ["", ""];
  readFields(bytes, (field, reader) => {
    if (field === 1) name = reader.string();
    else if (field === 2) version = reader.string();
    else return false;
    return true;
  });
  return [name, version];
}

function decodeError(bytes: Uint8Array): string {
  const { code, message } = fromBinary(StatusSchema, bytes);
  return message === "" ? `status code ${code}` : message;
}
