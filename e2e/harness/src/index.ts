/**
 * What every suite that runs real processes needs: addresses, processes, Envoy, nats-server, `lateen up`, requests.
 *
 * Owns: starting things and ending them. Whatever is started is `AsyncDisposable`; `await using` ends it, by pid, also
 * when the test fails. Waiting is polling with a bound (`eventually`), never a fixed sleep.
 * Never: says what is right; that is the suites' part (`e2e/suites`). Imports no service: they run as processes.
 * Linux, for /proc and for all of 127.0.0.0/8.
 *
 * Next: `loopback-mesh.ts` (how several sidecars share one machine), `lateen.ts`, `envoy.ts`. `run-tests.ts` is `pnpm test`.
 */
export { adsBootstrap, nodeId } from "./bootstrap.ts";
export type { AdsBootstrapOptions, NodeIdentity } from "./bootstrap.ts";
export { ConfigFolder } from "./config-folder.ts";
export { startEnvoy, validateBootstrap } from "./envoy.ts";
export type { Envoy, EnvoyOptions } from "./envoy.ts";
export { EnvoyAdmin } from "./envoy-admin.ts";
export type { HostStatus } from "./envoy-admin.ts";
export { eventually } from "./eventually.ts";
export type { EventuallyOptions } from "./eventually.ts";
export { HttpClient, send } from "./http-client.ts";
export type { HttpAnswer, HttpRequest } from "./http-client.ts";
export {
  freePlanePorts,
  mintToken,
  portArguments,
  rootFileIn,
  runLateen,
  startLateen,
  startLateenUp,
  upArguments,
  waitForPlane,
} from "./lateen.ts";
export type { LateenUp, LateenUpOptions, PlanePorts } from "./lateen.ts";
export { Load, inTurn, sendMany } from "./load.ts";
export type { LoadFailure, LoadOptions, LoadReport } from "./load.ts";
export { freePort, freePorts, LoopbackBlock } from "./loopback.ts";
export { LoopbackMesh } from "./loopback-mesh.ts";
export type { LoopbackMeshOptions, MeshWorkload, WorkloadSpec } from "./loopback-mesh.ts";
export {
  authorizationPolicy,
  destinationRule,
  endpointSlice,
  gateway,
  headlessService,
  meshConfig,
  peerAuthentication,
  pod,
  rateLimit,
  service,
  serviceEntry,
  telemetry,
  tlsSecret,
  virtualService,
} from "./manifests.ts";
export type { Name, PodSpec, SliceSpec } from "./manifests.ts";
export { NatsServer } from "./nats.ts";
export { namespacesMissing, NetworkNamespace, linkOf } from "./network-namespace.ts";
export type { Inside, Link } from "./network-namespace.ts";
export { FakeResolver } from "./fake-resolver.ts";
export { Injector } from "./injector.ts";
export type { ClusterSettings, InjectedContainer, InjectedPod } from "./injector.ts";
export type { AgentWorkload } from "./node-agent.ts";
export { Sidecar, startSidecars } from "./node-agent.ts";
export type { MeshAccess, SidecarOptions } from "./node-agent.ts";
export { descendants, isRunning, residentMemory } from "./process-tree.ts";
export type { ProcessRef, ResidentMemory } from "./process-tree.ts";
export { mainOf, repository } from "./repository.ts";
export { startSeparateServices } from "./separate-services.ts";
export type { PilotProcess, SeparateServices, SeparateServicesOptions } from "./separate-services.ts";
export { ServiceProcess } from "./service-process.ts";
export type { Program, ServiceOptions } from "./service-process.ts";
export { RunningProcess } from "./running-process.ts";
export type { ProcessExit, ProcessOptions } from "./running-process.ts";
export { SampleApp } from "./sample-app.ts";
export type { Held, SampleAnswer, SampleOptions, SampleTls } from "./sample-app.ts";
export { assertShare, median, quantile } from "./statistics.ts";
export { talkTcp } from "./tcp-client.ts";
export type { TcpTalk } from "./tcp-client.ts";
export { TempDir } from "./temp-dir.ts";
export { probeTls } from "./tls-probe.ts";
export type { TlsProbe, TlsResult } from "./tls-probe.ts";
