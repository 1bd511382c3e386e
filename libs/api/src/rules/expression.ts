import type { Cursor } from "../report.ts";

/** Tokens of https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax, each kind a group. */
const token = new RegExp(
  [
    String.raw`(?<space>\s+|\/\/[^\n]*)`,
    String.raw`(?<literal>(?:[rRbB]{0,2})(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|0[xX][0-9a-fA-F]+[uU]?|\d*\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?|(?:true|false|null)\b)`,
    String.raw`(?<name>[A-Za-z_][A-Za-z0-9_]*)`,
    String.raw`(?<sign>&&|\|\||[<>=!]=|[-+*/%<>!?:.,()[\]{}])`,
  ].join("|"),
  "y",
);

interface Token {
  readonly kind: "literal" | "name" | "sign" | "end";
  readonly text: string;
  /** From 1. */
  readonly at: number;
}

const operators: readonly string[] = ["&&", "||", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "%", "in"];

class Unexpected extends Error {}

/** Why `text` is no expression of CEL; undefined where it is one. What its names mean is not looked at. */
export function expressionProblem(text: string): string | undefined {
  try {
    const reader = new Reader(tokensOf(text));
    reader.expression();
    reader.expect("end", "");
    return undefined;
  } catch (error) {
    if (error instanceof Unexpected) return error.message;
    throw error;
  }
}

/** Envoy refuses a whole listener for an expression that it cannot read. */
export function checkExpression(text: string, at: Cursor): void {
  const problem = expressionProblem(text);
  if (problem !== undefined)
    at.error(
      "expression",
      `${JSON.stringify(text)} is no expression of CEL (${problem}), as in "response.code >= 400"`,
    );
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; at = token.lastIndex) {
    token.lastIndex = at;
    const groups = token.exec(text)?.groups;
    if (groups === undefined) throw new Unexpected(`unexpected ${JSON.stringify(text[at])} at ${at + 1}`);
    for (const kind of ["literal", "name", "sign"] as const)
      if (groups[kind] !== undefined) tokens.push({ kind, text: groups[kind], at: at + 1 });
  }
  return [...tokens, { kind: "end", text: "", at: text.length + 1 }];
}

/** Follows the grammar without its precedences, which make no difference to what can be read. */
class Reader {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  expression(): void {
    this.#operand();
    while (operators.includes(this.#peek().text) && this.#peek().kind !== "literal") {
      this.#next++;
      this.#operand();
    }
    if (!this.#take("?")) return;
    this.expression();
    this.expect("sign", ":");
    this.expression();
  }

  expect(kind: Token["kind"], text: string): void {
    const found = this.#peek();
    if (found.kind !== kind || (kind === "sign" && found.text !== text)) throw this.#unexpected();
    this.#next++;
  }

  #operand(): void {
    const sign = this.#take("!") ? "!" : "-";
    while (this.#take(sign));
    this.#primary();
    for (;;) {
      if (this.#take(".")) {
        this.#name();
        if (this.#take("(")) this.#list(")", () => this.expression());
      } else if (this.#take("[")) {
        this.expression();
        this.expect("sign", "]");
      } else if (this.#take("{")) this.#list("}", () => this.#entry());
      else return;
    }
  }

  #primary(): void {
    if (this.#peek().kind === "literal") this.#next++;
    else if (this.#take("(")) {
      this.expression();
      this.expect("sign", ")");
    } else if (this.#take("[")) this.#list("]", () => this.expression());
    else if (this.#take("{")) this.#list("}", () => this.#entry());
    else {
      this.#take(".");
      this.#name();
      if (this.#take("(")) this.#list(")", () => this.expression());
    }
  }

  #name(): void {
    if (this.#peek().text === "in") throw this.#unexpected();
    this.expect("name", "");
  }

  #entry(): void {
    this.expression();
    this.expect("sign", ":");
    this.expression();
  }

  /** A comma may stand at the end, but not in a call. */
  #list(end: string, item: () => void): void {
    if (this.#take(end)) return;
    item();
    while (this.#take(",")) {
      if (end !== ")" && this.#peek().text === end) break;
      item();
    }
    this.expect("sign", end);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "", at: 0 };
  }

  #take(text: string): boolean {
    const taken = this.#peek().kind === "sign" && this.#peek().text === text;
    if (taken) this.#next++;
    return taken;
  }

  #unexpected(): Unexpected {
    const { kind, text, at } = this.#peek();
    return new Unexpected(kind === "end" ? "it ends too early" : `unexpected ${JSON.stringify(text)} at ${at}`);
  }
}
