/** What a connection's earlier entries said. Byte counts in Envoy's entries are totals so far. */
export interface Seen {
  readonly received: number;
  readonly sent: number;
}

export interface Progress {
  readonly opened: boolean;
  readonly closed: boolean;
  readonly received: number;
  readonly sent: number;
}

const maxConnections = 50_000;

/** Turns the entries of one log stream's connections (start, periodic, end) into increments. Bounded: the oldest are forgotten. */
export class TcpConnections {
  readonly #open = new Map<string, Seen>();

  /** An entry without an id stands for a whole connection. */
  record(streamId: string, ended: boolean, total: Seen): Progress {
    const before = this.#open.get(streamId);
    this.#open.delete(streamId);
    if (!ended && streamId !== "") this.#remember(streamId, total);
    return {
      opened: before === undefined,
      closed: ended || streamId === "",
      received: total.received - (before?.received ?? 0),
      sent: total.sent - (before?.sent ?? 0),
    };
  }

  #remember(streamId: string, total: Seen): void {
    const oldest = this.#open.size >= maxConnections ? this.#open.keys().next() : undefined;
    if (oldest?.done === false) this.#open.delete(oldest.value);
    this.#open.set(streamId, total);
  }
}
