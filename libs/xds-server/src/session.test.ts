import assert from "node:assert/strict";
import test from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { DeltaDiscoveryResponseSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { joinedMessage } from "@lateen/rpc";
import { DiffCache } from "./diff.ts";
import { ProxySession } from "./session.ts";
import type { Push } from "./session.ts";
import { deltaRequest, sotwRequest } from "./testing/requests.ts";
import { resourceMap, resourceSet } from "./testing/resources.ts";
import {
  clusterType,
  endpointType,
  extensionConfigType,
  healthInformationType,
  listenerType,
  routeType,
  secretType,
  shortTypeName,
} from "./type-urls.ts";
import { ResponseEncoder } from "./wire/response.ts";

const ackWaitMs = 1_000;

function startSession({ delta = true, onDemand = [] as string[] } = {}) {
  const context = {
    diffs: new DiffCache(),
    encoder: new ResponseEncoder(),
    onDemandTypes: new Set(onDemand),
    ackWaitMs,
  };
  const session = new ProxySession(context, { delta, noncePrefix: "" });
  const lastNonce = new Map<string, string>();
  return {
    session,
    subscribe(typeUrl: string, ...names: string[]) {
      if (delta) session.receiveDelta(deltaRequest(typeUrl, { subscribe: names }));
      else session.receiveSotw(sotwRequest(typeUrl, { names, nonce: lastNonce.get(typeUrl) ?? "" }));
    },
    /** All that may be sent now, as `CDS a@1 -b`. */
    sends(nowMs = 0): string[] {
      const sent: string[] = [];
      for (let push = session.next(nowMs); push !== undefined; push = session.next(nowMs)) {
        lastNonce.set(push.typeUrl, push.nonce);
        sent.push(delta ? describe(push) : shortTypeName(push.typeUrl));
      }
      return sent;
    },
    ack(typeUrl: string, error?: string) {
      const nonce = lastNonce.get(typeUrl) ?? "";
      if (delta) session.receiveDelta(deltaRequest(typeUrl, { nonce, error }));
      else session.receiveSotw(sotwRequest(typeUrl, { nonce, error }));
    },
  };
}

function describe(push: Push): string {
  const { resources, removedResources } = fromBinary(DeltaDiscoveryResponseSchema, joinedMessage(push.bytes));
  const parts = [
    ...resources.map(({ name, version }) => `${name}@${version}`),
    ...removedResources.map((name) => `-${name}`),
  ];
  return [shortTypeName(push.typeUrl), ...parts].join(" ");
}

const small = { cds: { a: "1" }, eds: { a: "1" }, lds: { l: "1" }, rds: { r: "1" } };

function subscribed() {
  const client = startSession();
  client.session.update(resourceSet(1, small));
  client.subscribe(clusterType);
  client.subscribe(endpointType, "a");
  client.subscribe(listenerType);
  client.subscribe(routeType, "r");
  client.sends();
  client.ack(clusterType);
  client.ack(endpointType);
  client.sends();
  client.ack(listenerType);
  client.ack(routeType);
  assert.deepEqual(client.sends(), []);
  return client;
}

test("clusters and endpoints go first, listeners and routes when those are accepted", () => {
  const client = startSession();
  client.session.update(resourceSet(1, small));
  client.subscribe(routeType, "r");
  client.subscribe(listenerType);
  client.subscribe(endpointType, "a");
  client.subscribe(clusterType);
  assert.deepEqual(client.sends(), ["CDS a@1", "EDS a@1"]);
  client.ack(clusterType);
  assert.deepEqual(client.sends(), []);
  client.ack(endpointType);
  assert.deepEqual(client.sends(), ["LDS l@1", "RDS r@1"]);
});

test("a proxy that subscribes to listeners and routes only does not wait for what it does not want", () => {
  const client = startSession();
  client.session.update(resourceSet(1, small));
  client.subscribe(listenerType);
  assert.deepEqual(client.sends(), ["LDS l@1"]);
});

test("listeners do not wait for ever for an acknowledgement that does not come", () => {
  const client = subscribed();
  client.session.update(resourceSet(2, { ...small, cds: { a: "2" }, lds: { l: "2" } }));
  assert.deepEqual(client.sends(100), ["CDS a@2", "EDS a@1"]);
  assert.equal(client.session.deadlineMs(100), 100 + ackWaitMs);
  assert.deepEqual(client.sends(100 + ackWaitMs - 1), []);
  assert.deepEqual(client.sends(100 + ackWaitMs), ["LDS l@2"]);
});

test("a changed cluster is followed by its endpoints, although they are the same", () => {
  const client = subscribed();
  client.session.update(resourceSet(2, { ...small, cds: { a: "2" } }));
  assert.deepEqual(client.sends(), ["CDS a@2", "EDS a@1"]);
});

test("what is gone is removed when listeners and routes that replace it are accepted", () => {
  const client = subscribed();
  client.session.update(resourceSet(2, { cds: { b: "1" }, eds: { b: "1" }, lds: { l: "2" }, rds: { r: "2" } }));
  assert.deepEqual(client.sends(), ["CDS b@1"]);
  client.subscribe(endpointType, "b");
  assert.deepEqual(client.sends(), ["EDS b@1"]);
  client.ack(clusterType);
  client.ack(endpointType);
  assert.deepEqual(client.sends(), ["LDS l@2", "RDS r@2"]);
  client.ack(listenerType);
  assert.deepEqual(client.sends(), []);
  client.ack(routeType);
  assert.deepEqual(client.sends(), ["CDS -a"]);
  assert.equal(client.session.acknowledgedRevision, 1n);
  client.ack(clusterType);
  client.session.receiveDelta(deltaRequest(endpointType, { unsubscribe: ["a"] }));
  client.sends();
  assert.equal(client.session.acknowledgedRevision, 2n);
});

test("a refused route keeps the cluster it may still need", () => {
  const client = subscribed();
  client.session.update(resourceSet(2, { cds: {}, eds: {}, lds: { l: "1" }, rds: { r: "2" } }));
  assert.deepEqual(client.sends(), ["RDS r@2"]);
  client.ack(routeType, "r: unknown cluster");
  assert.deepEqual(client.sends(), []);
  client.session.update(resourceSet(3, { cds: {}, eds: {}, lds: { l: "1" }, rds: { r: "3" } }));
  assert.deepEqual(client.sends(), ["RDS r@3"]);
  client.ack(routeType);
  assert.deepEqual(client.sends(), ["CDS -a"]);
});

test("a listener goes in the same answer in which its address's new owner comes", () => {
  const client = subscribed();
  client.session.update(resourceSet(2, { ...small, lds: { m: "1" } }));
  assert.deepEqual(client.sends(), ["LDS m@1 -l"]);
});

test("one answer of a type is in flight; of all the sets meanwhile only the newest is sent", () => {
  const client = subscribed();
  for (const version of ["2", "3", "4"]) {
    client.session.update(resourceSet(Number(version), { ...small, eds: { a: version } }));
    assert.deepEqual(client.sends(), version === "2" ? ["EDS a@2"] : []);
  }
  client.ack(endpointType);
  assert.deepEqual(client.sends(), ["EDS a@4"]);
  client.ack(endpointType);
  assert.deepEqual(client.sends(), []);
  assert.equal(client.session.acknowledgedRevision, 4n);
});

test("an answer that is never acknowledged does not stop newer ones for ever", () => {
  const client = subscribed();
  client.session.update(resourceSet(2, { ...small, cds: { a: "2", b: "1" }, eds: { a: "1", b: "1" } }));
  assert.deepEqual(client.sends(0), ["CDS a@2 b@1", "EDS a@1"]);
  client.ack(endpointType);
  assert.deepEqual(client.sends(10 * ackWaitMs), [], "the same again would not help");
  client.session.update(resourceSet(3, { ...small, cds: { a: "3" } }));
  assert.deepEqual(client.sends(10 * ackWaitMs), ["CDS a@3", "EDS a@1"]);
  client.ack(clusterType);
  client.ack(endpointType);
  assert.deepEqual(client.sends(10 * ackWaitMs), ["CDS -b"], "it may have b from the answer it never acknowledged");
});

test("a revision that changes nothing is acknowledged at once", () => {
  const client = subscribed();
  const { byType } = resourceSet(1, small);
  client.session.update({ revision: 9n, byType });
  assert.deepEqual(client.sends(), []);
  assert.equal(client.session.acknowledgedRevision, 9n);
});

test("a new proxy lacks the present only; one that returns with old versions may lack anything", () => {
  const fresh = startSession();
  fresh.session.update(resourceSet(7, small));
  fresh.subscribe(clusterType);
  assert.equal(fresh.session.acknowledgedRevision, 6n);
  const returning = startSession();
  returning.session.update(resourceSet(7, small));
  returning.session.receiveDelta(deltaRequest(clusterType, { initialVersions: new Map([["a", "0"]]) }));
  assert.equal(returning.session.acknowledgedRevision, 0n);
});

test("a proxy that returns with everything is sent nothing and has acknowledged everything", () => {
  const client = startSession();
  client.session.update(resourceSet(7, small));
  for (const [typeUrl, name] of [
    [clusterType, "a"],
    [endpointType, "a"],
    [listenerType, "l"],
    [routeType, "r"],
  ] as const) {
    client.session.receiveDelta(
      deltaRequest(typeUrl, {
        initialVersions: new Map([[name, "1"]]),
        subscribe: typeUrl === routeType ? [name] : [],
      }),
    );
  }
  assert.deepEqual(client.sends(), []);
  assert.equal(client.session.acknowledgedRevision, 7n);
});

test("status shows each type's nonces and state", () => {
  const client = subscribed();
  client.session.update(resourceSet(2, { ...small, lds: { l: "2" } }));
  client.sends();
  const states = () =>
    Object.fromEntries(client.session.types().map(({ typeUrl, state }) => [shortTypeName(typeUrl), state]));
  assert.deepEqual(states(), { CDS: "SYNCED", EDS: "SYNCED", LDS: "STALE", RDS: "SYNCED" });
  client.ack(listenerType, "l: bad port");
  client.sends();
  assert.deepEqual(states(), { CDS: "SYNCED", EDS: "SYNCED", LDS: "ERROR", RDS: "SYNCED" });
  assert.equal(client.session.types().find(({ typeUrl }) => typeUrl === listenerType)?.error, "l: bad port");
});

test("a type that nobody serves is not answered and holds nothing back", () => {
  const client = startSession();
  client.session.update(resourceSet(1, small));
  client.subscribe("type.googleapis.com/unknown.Type");
  client.session.receiveDelta(deltaRequest(healthInformationType));
  client.subscribe(clusterType);
  assert.deepEqual(client.sends(), ["CDS a@1"]);
  client.ack(clusterType);
  client.sends();
  assert.equal(client.session.acknowledgedRevision, 1n);
});

test("secrets come on demand and do not count for the mesh's revision", () => {
  const client = startSession({ onDemand: [secretType] });
  client.session.update(resourceSet(1, small));
  client.subscribe(secretType, "cert", "other");
  assert.deepEqual(client.sends(), []);
  assert.equal(client.session.acknowledgedRevision, undefined);
  client.session.updateOnDemand(secretType, resourceMap(secretType, { cert: "1" }), new Set());
  assert.deepEqual(client.sends(), ["SDS cert@1"]);
  client.ack(secretType);
  client.session.updateOnDemand(secretType, resourceMap(secretType, { cert: "1" }), new Set(["other"]));
  assert.deepEqual(client.sends(), ["SDS -other"]);
});

test("nothing is sent before the first set", () => {
  const client = startSession({ delta: false });
  client.subscribe(clusterType);
  assert.deepEqual(client.sends(), []);
  client.session.update(resourceSet(1, {}));
  assert.deepEqual(client.sends(), ["CDS"]);
});

test("an extension goes when the proxy lets go of it, and holds up no revision", () => {
  const { session, subscribe, sends, ack } = startSession();
  const extensions = (revision: bigint, versions: Readonly<Record<string, string>>) =>
    session.update({ revision, byType: new Map([[extensionConfigType, resourceMap(extensionConfigType, versions)]]) });
  extensions(1n, { a: "1", b: "1" });
  subscribe(extensionConfigType, "a", "b");
  assert.deepEqual(sends(), ["ECDS a@1 b@1"]);
  ack(extensionConfigType);
  extensions(2n, { a: "2" });
  assert.deepEqual(sends(), ["ECDS a@2"]);
  ack(extensionConfigType);
  assert.deepEqual(sends(), []);
  assert.equal(session.acknowledgedRevision, 2n);
  session.receiveDelta(deltaRequest(extensionConfigType, { unsubscribe: ["b"] }));
  assert.deepEqual(sends(), []);
  subscribe(extensionConfigType, "b");
  assert.deepEqual(sends(), ["ECDS -b"], "a proxy that asks anew is told that there is none");
});
