import type { Check } from "../suite.ts";
import type { World } from "../world.ts";
import { callersAreSeen, worksUncaptured } from "./capture.ts";
import { mortals, storeIsRebuilt, survivesCrash } from "./failures.ts";
import { ingressComesIn, ingressTerminatesTls } from "./ingress.ts";
import {
  istioctlDescribes,
  istioctlFindsNoDifference,
  istioctlReadsProxies,
  istioctlSeesTheFleet,
} from "./istioctl.ts";
import { chartRenders, imagesAreThere, installs } from "./install.ts";
import { kubernetesIngressIsServed } from "./kubernetes-ingress.ts";
import { restartsUnderLoad, samplesRollUnderLoad, uninstallLeavesNothing } from "./lifecycle.ts";
import { prometheusFindsAll, requestsAreCounted } from "./metrics.ts";
import { statusOfTheFleet } from "./operators.ts";
import { allowsByIdentity, deniedIsDenied, rateLimitBites, strictRefusesPlaintext } from "./policy.ts";
import { pilotRestartsUnderLoad, upgradesUnderLoad } from "./replicas.ts";
import { answersByMutualTls, samplesAreInjected } from "./samples.ts";
import { canaryMoves } from "./traffic.ts";
import { joinsAndLeaves } from "./outside.ts";
import { invalidIsRefused, notBuiltIsWarnedOf } from "./validation.ts";

/** In this order; each finds the mesh as the ones before it left it. */
export const checks: readonly Check<World>[] = [
  { name: "the chart renders, and refuses values that are wrong", run: chartRenders },
  { name: "images are built and on the nodes", vital: true, run: imagesAreThere },
  { name: "helm install, everything ready", vital: true, run: installs },
  { name: "pods of a labelled namespace get a proxy", vital: true, run: samplesAreInjected },
  { name: "they answer each other by mutual TLS, with the caller's identity", run: answersByMutualTls },
  { name: "TPROXY: the application sees its callers' addresses", run: callersAreSeen },
  { name: "NONE: a proxy without capture", run: worksUncaptured },
  {
    name: "a machine registers itself, is asked while it is well, and is forgotten when it leaves",
    run: joinsAndLeaves,
  },
  { name: "a canary moves from 90/10 to 50/50", run: canaryMoves },
  { name: "a denied request is denied", run: deniedIsDenied },
  { name: "only the allowed identity gets through", run: allowsByIdentity },
  { name: "STRICT refuses plaintext", run: strictRefusesPlaintext },
  { name: "a request from outside comes in by the gateway", run: ingressComesIn },
  { name: "HTTPS from outside, with the certificate of a Secret", run: ingressTerminatesTls },
  { name: "a Kubernetes Ingress is served, and has the gateway's address", run: kubernetesIngressIsServed },
  { name: "a rate limit bites", run: rateLimitBites },
  { name: "a real Prometheus scrapes every service", run: prometheusFindsAll },
  { name: "it has the requests, with their labels", run: requestsAreCounted },
  { name: "lateen proxy-status asks the pilots of the cluster", run: statusOfTheFleet },
  { name: "Istio's istioctl: proxy-status and version", run: istioctlSeesTheFleet },
  { name: "Istio's istioctl: proxy-status POD finds no difference", run: istioctlFindsNoDifference },
  { name: "Istio's istioctl: proxy-config", run: istioctlReadsProxies },
  { name: "Istio's istioctl: describe and internal-debug", run: istioctlDescribes },
  { name: "kubectl apply of an invalid object is refused", run: invalidIsRefused },
  { name: "fields that are not built are warned of", run: notBuiltIsWarnedOf },
  ...mortals.map((component) => ({
    name: `kill -9 of ${component} under load`,
    run: (world: World) => survivesCrash(world, component),
  })),
  { name: "the store is lost and rebuilt under load", run: storeIsRebuilt },
  { name: "helm upgrade to three pilots under load, and proxies even out by hand-over", run: upgradesUnderLoad },
  { name: "a restart of the pilots under load, and returning proxies are sent nothing", run: pilotRestartsUnderLoad },
  { name: "a restart of everything under load", run: restartsUnderLoad },
  { name: "pods of the mesh are replaced under load", run: samplesRollUnderLoad },
  { name: "helm uninstall leaves nothing", run: uninstallLeavesNothing },
];
