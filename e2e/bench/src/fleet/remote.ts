import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** What a part of the bench that runs as a process of its own can be asked. */
export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Reply = { readonly id: number; readonly value?: unknown; readonly error?: string };

/** Answers the parent's questions until it is gone. */
export function serve(handlers: Handlers): void {
  process.on("message", (question: Question) => void answer(handlers, question));
  process.on("disconnect", () => process.exit(0));
}

async function answer(handlers: Handlers, { id, name, argument }: Question): Promise<void> {
  try {
    process.send?.({ id, value: await handlers[name]?.(argument as never) });
  } catch (error) {
    process.send?.({ id, error: String(error instanceof Error ? error.stack : error) });
  }
}

/** The other side: a child process that runs `entry`; ends on dispose. */
export class Remote<H extends Handlers> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #count = 0;

  constructor(entry: string, flags: readonly string[] = []) {
    this.#child = fork(entry, { execArgv: [...process.execArgv, ...flags], serialization: "advanced" });
    this.#child.on("message", (reply: Reply) => this.#waiting.get(reply.id)?.(reply));
    this.#child.on("exit", () => {
      for (const [id, end] of this.#waiting) end({ id, error: `${entry} has ended` });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ask<K extends keyof H & string>(
    name: K,
    ...argument: Parameters<H[K]> extends [infer A] ? [A] : []
  ): Promise<Awaited<ReturnType<H[K]>>> {
    const id = ++this.#count;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#waiting.set(id, resolve);
    this.#child.send({ id, name, argument: argument[0] });
    const { value, error } = await promise;
    this.#waiting.delete(id);
    if (error !== undefined) throw new Error(error);
    return value as Awaited<ReturnType<H[K]>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}

/** Milliseconds on a clock that all processes of the machine share. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}
