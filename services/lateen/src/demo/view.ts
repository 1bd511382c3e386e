import { styleText } from "node:util";
import type { LiveChange } from "../change-clock.ts";
import { liveText } from "../reports.ts";
import type { Scoreboard } from "./scoreboard.ts";

/** What the terminal shows: permanent lines for what happened, and one line of figures that is overwritten on a TTY. */
export class View {
  readonly #out: NodeJS.WriteStream;
  #statusShown = "";

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  line(text: string): void {
    if (this.#out.isTTY && this.#statusShown !== "") this.#out.write("\r\x1b[2K");
    this.#out.write(`${text}\n`);
    if (this.#out.isTTY && this.#statusShown !== "") this.#out.write(this.#statusShown);
  }

  live(change: LiveChange): void {
    this.line(`${styleText("green", "live")}  ${liveText(change)}`);
  }

  /** The figures now; without a TTY nothing is printed, `line` says what changed. */
  status(text: string): void {
    if (!this.#out.isTTY) return;
    this.#statusShown = text;
    this.#out.write(`\r\x1b[2K${text}`);
  }

  end(): void {
    if (this.#out.isTTY && this.#statusShown !== "") this.#out.write("\n");
    this.#statusShown = "";
  }
}

/** `reviews v1 90.2 % v2 9.8 % (asked 90/10)  /admin 200  ratings 200  plaintext 200` */
export function figures(board: Scoreboard, asked: string): string {
  const split = Object.entries(board.split("reviews")).map(
    ([version, percent]) => `${version} ${percent.toFixed(1)} %`,
  );
  return [
    `reviews ${split.join(" ") || board.outcome("reviews")} (asked ${asked}; ${board.total("reviews")} requests)`,
    `/admin ${board.outcome("admin")}`,
    `ratings ${board.outcome("ratings")}`,
    `plaintext ${board.outcome("plaintext")}`,
  ].join("  ");
}
