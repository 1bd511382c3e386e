import { namespace, samples } from "./samples.ts";
import type { Probe } from "./traffic.ts";

const frontend = samples.find((sample) => sample.app === "frontend");
const reviews = samples.find((sample) => sample.pod === "reviews-v1-1");
if (frontend === undefined || reviews === undefined) throw new Error("the demo needs its frontend and reviews samples");

/** Requests as the frontend program sends them, into its own Envoy, to a service's name and port. */
const viaMesh = { address: frontend.address, port: 9080 };

export const probes: readonly Probe[] = [
  { name: "reviews", ...viaMesh, host: `reviews.${namespace}:9080`, path: "/", perRound: 20 },
  { name: "admin", ...viaMesh, host: `reviews.${namespace}:9080`, path: "/admin", perRound: 2 },
  { name: "ratings", ...viaMesh, host: `ratings.${namespace}:9080`, path: "/", perRound: 5 },
  // Someone outside the mesh, straight to reviews' Envoy without a certificate.
  {
    name: "plaintext",
    address: reviews.address,
    port: reviews.port,
    host: `reviews.${namespace}`,
    path: "/",
    perRound: 1,
  },
];
