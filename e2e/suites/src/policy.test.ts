import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  authorizationPolicy,
  eventually,
  type HttpAnswer,
  peerAuthentication,
  rateLimit,
  send,
  sendMany,
} from "@lateen/e2e-harness";
import { areAll, ThreeSidecars } from "./three-sidecars.ts";

/** Who may ask what, and how often, decided by real proxies. */
suite("policies of a mesh", () => {
  const owned = new AsyncDisposableStack();
  let running: ThreeSidecars;

  before(async () => {
    running = owned.use(await ThreeSidecars.start());
  });
  after(() => owned.disposeAsync());

  const selector = { matchLabels: { app: "reviews" } };

  test("PERMISSIVE takes plaintext; STRICT refuses it and the mesh goes on", async () => {
    assert.equal((await running.askPlaintext("/")).status, 200);
    const isRefused = (): Promise<boolean> =>
      running.askPlaintext("/").then(
        () => false,
        () => true,
      );
    await running.during([peerAuthentication(running.named("default"), "STRICT")], isRefused, async () => {
      await assert.rejects(running.askPlaintext("/"), /ECONNRESET|socket hang up/);
      assert.equal((await running.ask("/")).status, 200);
    });
    await eventually(async () => (await running.askPlaintext("/")).status === 200, {
      what: "plaintext is taken again",
    });
  });

  test("DENY: the path is 403, others are not", async () => {
    const policy = authorizationPolicy(running.named("deny-admin"), {
      selector,
      action: "DENY",
      rules: [{ to: [{ operation: { paths: ["/admin*"] } }] }],
    });
    await running.during(
      [policy],
      () => areAll(403, () => running.ask("/admin/users")),
      async () => {
        assert.match((await running.ask("/admin")).body, /RBAC: access denied/);
        assert.equal((await running.ask("/")).status, 200);
      },
    );
  });

  test("ALLOW: only the named principal and method", async () => {
    const source = { principals: [running.mesh.identity("frontend").replace("spiffe://", "")] };
    const policy = authorizationPolicy(running.named("allow-frontend"), {
      ...{ selector, action: "ALLOW" },
      rules: [{ from: [{ source }], to: [{ operation: { methods: ["GET"] } }] }],
    });
    const post = (): Promise<HttpAnswer> => send({ ...running.toReviews("/"), method: "POST" });
    await running.during(
      [policy],
      () => areAll(403, post),
      async () => {
        assert.equal((await running.ask("/")).status, 200);
        assert.equal((await running.askPlaintext("/")).status, 403, "a caller without an identity");
      },
    );
  });

  test("ALLOW: a namespace that is not the caller's", async () => {
    const policy = authorizationPolicy(running.named("allow-others"), {
      ...{ selector, action: "ALLOW" },
      rules: [{ from: [{ source: { namespaces: ["elsewhere"] } }] }],
    });
    await running.during(
      [policy],
      () => areAll(403, () => running.ask("/")),
      async () => {},
    );
  });

  test("CUSTOM: the provider decides", async () => {
    const guard = running.mesh.workload("guard").sample;
    const policy = authorizationPolicy(running.named("ask-guard"), {
      ...{ selector, action: "CUSTOM", provider: { name: "guard" } },
      rules: [{ to: [{ operation: { paths: ["/guarded*"] } }] }],
    });
    guard.answerAlways(403);
    await running.during(
      [policy],
      () => areAll(403, () => running.ask("/guarded")),
      async () => {
        const asked = guard.requests;
        assert.equal((await running.ask("/open")).status, 200);
        assert.equal(guard.requests, asked, "the provider is asked for guarded paths only");
        guard.answerAlways(200);
        assert.equal((await running.ask("/guarded")).status, 200);
        assert.equal(guard.requests, asked + 1);
      },
    );
  });

  test("a rate limit answers 429 to what is above it", async () => {
    const once = { name: "probe", match: { paths: ["/probe"] }, limit: { requests: 1, unit: "HOUR" } };
    const five = { name: "limited", match: { paths: ["/limited"] }, limit: { requests: 5, unit: "HOUR" } };
    const limit = rateLimit(running.named("reviews"), { selector, rules: [once, five] });
    // Connections that a proxy had open before keep its old rules for one more request.
    const isLive = async (): Promise<boolean> =>
      (await sendMany(40, () => running.toReviews("/probe"))).every(({ status }) => status === 429);
    await running.during([limit], isLive, async () => {
      const unasked = await failedOpen(running);
      const answers = await sendMany(20, () => running.toReviews("/limited"), 1);
      const statuses = answers.map(({ status }) => status);
      const passed = statuses.filter((status) => status === 200).length;
      const slow = (await failedOpen(running)) - unasked; // a call of the policy service has 200 ms
      assert.equal(passed - slow, 5, `5 an hour, counted over both proxies: ${statuses.join(" ")}`);
      assert.equal(statuses.filter((status) => status === 429).length, 20 - passed);
      assert.ok(answers.at(-1)?.headers["x-envoy-ratelimited"] !== undefined);
      assert.equal((await running.ask("/")).status, 200);
    });
  });

  test("Envoy refused nothing", async () => {
    for (const sidecar of running.sidecars) {
      const { rejected, rejectedNames } = await sidecar.admin.updates();
      assert.deepEqual({ rejected, rejectedNames }, { rejected: 0, rejectedNames: [] }, sidecar.process.tail());
    }
  });
});

/** Requests that were let through because the policy service did not answer in time. */
async function failedOpen({ sidecars }: ThreeSidecars): Promise<number> {
  const stats = await Promise.all(sidecars.map(({ admin }) => admin.stats(/ratelimit\..*failure_mode_allowed$/)));
  return stats.flatMap((one) => [...one.values()]).reduce((sum, count) => sum + count, 0);
}
