/**
 * Beside one Envoy: its bootstrap and life, its certificate over SDS, its xDS stream to pilot, its probes and metrics.
 *
 * Owns: the Unix sockets that Envoy talks to, and Envoy's process. `workload/` knows one workload (identity, secrets,
 * relay) and nothing of processes; `envoy/` knows Envoy's process and nothing of keys.
 * Never: decides what a proxy does (pilot) or who it is (citadel, from the token). Holds no state that a restart loses:
 * an Envoy left behind by a killed agent is adopted.
 * Next: `app.ts` (the whole agent on one screen), `run-agent.ts` (its process).
 */
export { runAgent } from "./run-agent.ts";
