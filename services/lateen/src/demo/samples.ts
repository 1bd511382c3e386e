/** The demo's workloads; the addresses and ports are those of deploy/local/demo/*.yaml. */
export interface Sample {
  readonly pod: string;
  readonly app: string;
  readonly version: string;
  /** Where its Envoy listens; the program itself listens on 127.0.0.1 and the same port. */
  readonly address: string;
  readonly port: number;
}

export const namespace = "shop";

export const samples: readonly Sample[] = [
  { pod: "frontend-1", app: "frontend", version: "v1", address: "127.0.1.1", port: 20080 },
  { pod: "reviews-v1-1", app: "reviews", version: "v1", address: "127.0.1.2", port: 20081 },
  { pod: "reviews-v2-1", app: "reviews", version: "v2", address: "127.0.1.3", port: 20082 },
  { pod: "ratings-1", app: "ratings", version: "v1", address: "127.0.1.4", port: 20083 },
];
