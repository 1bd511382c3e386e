import { appOf, type World } from "./world.ts";

export interface Answer {
  /** 0: the connection failed, see `error`. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly error?: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How often; default once. */
  readonly times?: number;
}

/** One connection each, one after the other. Not by `fetch`, which sets the header `host` itself. */
const program = `
import { request } from "node:http";
const { url, method, headers, times } = JSON.parse(process.argv.at(-1) ?? "{}");
const send = () => new Promise((resolve) => {
  const failed = (error) => resolve({ status: 0, headers: {}, body: "", error: String(error.code ?? error) });
  const outgoing = request(url, { agent: false, method, headers, timeout: 40_000 }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (text) => (body += text)).on("error", failed);
    response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
  });
  outgoing.on("timeout", () => outgoing.destroy(new Error("no answer within 40 s"))).on("error", failed).end();
});
const answers = [];
for (let i = 0; i < times; i += 1) answers.push(await send());
console.log(JSON.stringify(answers));
`;

/** What a sample's application gets when it sends requests. */
export async function askMany(
  world: World,
  from: string,
  url: string,
  options: RequestOptions = {},
): Promise<readonly Answer[]> {
  const { method = "GET", headers = {}, times = 1 } = options;
  const argument = { url, method, headers, times };
  return JSON.parse(await world.cluster.runProgram(appOf(world, from), program, argument, 240_000)) as Answer[];
}

export async function ask(world: World, from: string, url: string, options: RequestOptions = {}): Promise<Answer> {
  const [answer] = await askMany(world, from, url, options);
  if (answer === undefined) throw new Error(`${from} gave no answer for ${url}`);
  return answer;
}

/** Headers as they reached a sample, which sends them back. */
export function headersSeen(answer: Answer): Readonly<Record<string, string>> {
  return (JSON.parse(answer.body) as { headers: Record<string, string> }).headers;
}

export function show(answer: Answer): string {
  return answer.status === 0
    ? `no answer (${answer.error ?? "unknown"})`
    : `${answer.status} ${answer.body.slice(0, 160).trim()}`;
}
