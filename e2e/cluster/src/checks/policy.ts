import { eventually } from "@lateen/e2e-harness";
import { type Answer, ask, askMany, show } from "../request.ts";
import { sample, type World } from "../world.ts";

/** Asks until the status is the expected one: a policy takes a moment to reach the proxies. */
async function until(
  world: World,
  from: string,
  url: string,
  expected: number | "refused",
  method = "GET",
): Promise<Answer> {
  return eventually(
    async () => {
      const answer = await ask(world, from, url, { method });
      const right = expected === "refused" ? answer.status === 0 : answer.status === expected;
      if (!right) throw new Error(`got ${show(answer)}`);
      return answer;
    },
    { what: `${method} ${url} from ${from} is ${expected}`, timeoutMs: 80_000, intervalMs: 250 },
  );
}

export async function deniedIsDenied(world: World): Promise<string> {
  const { cluster, samples } = world;
  await cluster.apply(samples, sample(world, "deny-delete.yaml"));
  await until(world, "client", "http://reviews/", 403, "DELETE");
  await until(world, "client", "http://reviews/admin/x", 403);
  await until(world, "client", "http://reviews/", 200);
  await cluster.remove(samples, sample(world, "deny-delete.yaml"));
  await until(world, "client", "http://reviews/admin/x", 200);
  return "DELETE and /admin/x got 403, GET 200; after the policy was deleted 200";
}

export async function allowsByIdentity(world: World): Promise<string> {
  const { cluster, samples } = world;
  await cluster.apply(samples, sample(world, "allow-client.yaml"));
  const refused = await until(world, "legacy", "http://ratings/", 403);
  await until(world, "client", "http://ratings/", 200);
  await cluster.remove(samples, sample(world, "allow-client.yaml"));
  await until(world, "legacy", "http://ratings/", 200);
  return `*/sa/client 200, legacy ${refused.status}`;
}

export async function strictRefusesPlaintext(world: World): Promise<string> {
  const { cluster, samples } = world;
  await until(world, "legacy", "http://reviews/", 200);
  await cluster.apply(samples, sample(world, "strict.yaml"));
  const { error } = await until(world, "legacy", "http://reviews/", "refused");
  await until(world, "legacy", "http://ratings/", "refused");
  const mesh = await askMany(world, "client", "http://reviews/", { times: 50 });
  const failed = mesh.find(({ status }) => status !== 200);
  if (failed !== undefined) throw new Error(`within the mesh: ${show(failed)}`);
  await cluster.remove(samples, sample(world, "strict.yaml"));
  await until(world, "legacy", "http://reviews/", 200);
  return `plaintext refused (${error ?? "?"}), 50 of 50 within the mesh answered`;
}

const limit = 10;

export async function rateLimitBites(world: World): Promise<string> {
  const { cluster, samples } = world;
  await cluster.apply(samples, sample(world, "rate-limit.yaml"));
  const answers = await eventually(
    async () => {
      const all = await askMany(world, "client", "http://ratings/", { times: 30 });
      if (!all.some(({ status }) => status === 429)) throw new Error("no request was limited");
      return all;
    },
    { what: "the limit bites", timeoutMs: 80_000, intervalMs: 250 },
  );
  const passed = answers.filter(({ status }) => status === 200).length;
  const limited = answers.filter(({ status }) => status === 429);
  const other = answers.find(({ status }) => status !== 200 && status !== 429);
  if (other !== undefined) throw new Error(show(other));
  if (passed > 2 * limit) throw new Error(`${passed} of 30 passed a limit of ${limit} a minute`); // the minute may turn meanwhile
  await cluster.remove(samples, sample(world, "rate-limit.yaml"));
  await until(world, "client", "http://ratings/", 200);
  return `${passed} passed, ${limited.length} got 429; after the limit was deleted 200`;
}
