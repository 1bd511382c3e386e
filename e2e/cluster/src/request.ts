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

/** One connection each, one after the other. */
const program = `
const { url, method, headers, times } = JSON.parse(process.argv.at(-1) ?? "{}");
const answers = [];
for (let i = 0; i < times; i += 1) {
  try {
    const response = await fetch(url, { method, headers: { ...headers, connection: "close" }, signal: AbortSignal.timeout(10_000) });
    answers.push({ status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() });
  } catch (error) {
    answers.push({ status: 0, headers: {}, body: "", error: String(error.cause?.code ?? error.cause ?? error) });
  }
}
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
  return JSON.parse(await world.cluster.runProgram(appOf(world, from), program, argument, 60_000)) as Answer[];
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
