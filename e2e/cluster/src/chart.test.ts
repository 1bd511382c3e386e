import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { before, describe, test } from "node:test";
import { repository } from "@lateen/e2e-harness";
import { readerPermissions } from "@lateen/mesh-store";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "./cluster.ts";
import { lintChart, renderChart } from "./release.ts";

const chart = resolve(repository, process.env["LATEEN_CHART"] || "helm/lateen");
const hasHelm = spawnSync("helm", ["version", "--short"]).status === 0;

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly resources?: { readonly requests?: object; readonly limits?: object };
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly livenessProbe?: object;
  readonly readinessProbe?: object;
  readonly startupProbe?: object;
}

interface Template {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly Container[];
    readonly securityContext: Readonly<Record<string, unknown>>;
    readonly topologySpreadConstraints: readonly object[];
    readonly automountServiceAccountToken?: boolean;
  };
}

async function render(...args: readonly string[]): Promise<readonly KubeObject[]> {
  const { code, stdout, stderr } = await renderChart(chart, args);
  assert.equal(code, 0, stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

function templateOf(object: KubeObject): Template {
  return (object["spec"] as { template: Template }).template;
}

describe("the chart", { skip: hasHelm ? false : "helm is not installed" }, () => {
  let objects: readonly KubeObject[] = [];
  const ofKind = (...kinds: readonly string[]) => objects.filter(({ kind }) => kinds.includes(kind));
  before(async () => {
    objects = await render();
  });

  test("passes helm lint --strict", async () => {
    const { code, stdout, stderr } = await lintChart(chart);
    assert.equal(code, 0, stdout + stderr);
  });

  test("every container has probes, resources and no privileges", () => {
    const workloads = ofKind("Deployment", "StatefulSet");
    assert.equal(workloads.length, 7);
    for (const workload of workloads) {
      const { spec } = templateOf(workload);
      assert.equal(spec.securityContext["runAsNonRoot"], true, workload.metadata.name);
      assert.deepEqual(spec.securityContext["seccompProfile"], { type: "RuntimeDefault" });
      assert.equal(spec.topologySpreadConstraints.length, 2);
      for (const container of spec.containers) {
        for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"] as const)
          assert.ok(container[probe], `${container.name} ${probe}`);
        assert.ok(container.resources?.requests && container.resources.limits, container.name);
        assert.equal(container.securityContext?.["readOnlyRootFilesystem"], true, container.name);
        assert.equal(container.securityContext?.["allowPrivilegeEscalation"], false, container.name);
        assert.deepEqual(container.securityContext?.["capabilities"], { drop: ["ALL"] }, container.name);
      }
    }
  });

  test("every service has its own Service, account, budget and autoscaler, and tells Prometheus where to look", () => {
    for (const service of ["galley-validator", "pilot", "citadel", "mixer-policy", "injector"]) {
      for (const kind of ["Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "HorizontalPodAutoscaler"])
        assert.ok(
          ofKind(kind).some(({ metadata }) => metadata.name === `lateen-${service}`),
          `${kind} of ${service}`,
        );
    }
    for (const deployment of ofKind("Deployment")) {
      const annotations = templateOf(deployment).metadata.annotations ?? {};
      assert.equal(annotations["prometheus.io/scrape"], "true", deployment.metadata.name);
      assert.ok(annotations["prometheus.io/port"] && annotations["prometheus.io/path"], deployment.metadata.name);
    }
  });

  test("replicas are replaced one by one, a new one first", () => {
    for (const deployment of ofKind("Deployment")) {
      const { strategy } = deployment["spec"] as { strategy: object };
      assert.deepEqual(strategy, { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
    }
  });

  test("only those that talk to the API server have its token", () => {
    const withToken = ofKind("Deployment")
      .filter((each) => templateOf(each).spec.automountServiceAccountToken !== false)
      .map(({ metadata }) => metadata.name);
    const all = ["lateen-citadel", "lateen-galley-validator", "lateen-injector", "lateen-pilot"];
    assert.deepEqual(withToken.sort(), all);
  });

  test("pilot may ask whose a token is, and nothing else", () => {
    const bound = ofKind("ClusterRole", "Role").filter(({ metadata }) => metadata.name.includes("pilot"));
    assert.deepEqual(
      bound.map((role) => role["rules"]),
      [[{ apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] }]],
    );
  });

  test("roles name what they are for: no wildcard verb, and Secrets in the release namespace only", () => {
    for (const role of ofKind("ClusterRole", "Role")) {
      for (const rule of role["rules"] as readonly {
        resources: string[];
        verbs: string[];
        resourceNames?: string[];
      }[]) {
        assert.ok(!rule.verbs.includes("*"), role.metadata.name);
        if (role.kind === "ClusterRole") assert.ok(!rule.resources.includes("secrets"), role.metadata.name);
        if (rule.resources.some((resource) => resource.endsWith("webhookconfigurations")))
          assert.equal(rule.resourceNames?.length, 1);
      }
    }
  });

  test("replicas of pilot hand proxies over at the rate that is asked for", async () => {
    const rateOf = (rendered: readonly KubeObject[]) => {
      const pilot = rendered.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === "lateen-pilot");
      assert.ok(pilot);
      return templateOf(pilot).spec.containers[0]?.env?.find(({ name }) => name === "HAND_OFF_PER_SECOND")?.value;
    };
    assert.equal(rateOf(objects), "10");
    assert.equal(rateOf(await render("--set", "pilot.handOffPerSecond=0")), "0");
    assert.equal(rateOf(await render("--set", "pilot.handOffPerSecond=2500")), "2500");
  });

  test("each NATS user may write just its keys, and read them all", () => {
    const [config] = ofKind("ConfigMap").filter(({ metadata }) => metadata.name === "lateen-nats");
    const text = (config?.["data"] as Record<string, string> | undefined)?.["nats.conf"] ?? "";
    const users = [...text.matchAll(/user: (\S+)[^}]*?publish: (\[.*\])/g)].map(
      ([, user = "", subjects = "[]"]) => [user, JSON.parse(subjects) as string[]] as const,
    );
    for (const [user, subjects] of users)
      for (const subject of readerPermissions("mesh")) assert.ok(subjects.includes(subject), `${user} ${subject}`);
    const writers = (prefix: string) =>
      users
        .filter(([, subjects]) => subjects.some((subject) => subject.startsWith(`$KV.mesh.${prefix}`)))
        .map(([user]) => user);
    assert.deepEqual(
      users.map(([user]) => user),
      ["galley-validator", "pilot", "citadel", "mixer-policy"],
    );
    for (const prefix of ["config", "service", "endpoint", "workload"])
      assert.deepEqual(writers(prefix), ["galley-validator"]);
    assert.deepEqual(writers("trust"), ["citadel"]);
    assert.deepEqual(writers("status.pilot"), ["pilot"]);
    assert.deepEqual(writers("registration"), ["galley-validator", "pilot"]);
    assert.match(text, /max_payload: 8MB/);
  });

  test("names of cluster-scoped objects carry the namespace, and no webhook trusts anybody yet", () => {
    for (const object of ofKind(
      "ClusterRole",
      "ClusterRoleBinding",
      "MutatingWebhookConfiguration",
      "ValidatingWebhookConfiguration",
    ))
      assert.match(object.metadata.name, /-istio-system$/);
    for (const object of ofKind("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"))
      for (const webhook of object["webhooks"] as readonly { clientConfig: { caBundle?: string } }[])
        assert.equal(webhook.clientConfig.caBundle, undefined);
  });

  test("with a NATS of one's own, none is installed", async () => {
    const own = await render(
      "--set",
      "nats.url=tls://nats.example.com:4222,nats.credentialsSecret=mesh-nats,nats.caSecret=mesh-nats-ca",
    );
    assert.ok(!own.some(({ kind, metadata }) => kind === "StatefulSet" || metadata.name.startsWith("lateen-nats")));
    const [pilot] = own.filter(({ kind, metadata }) => kind === "Deployment" && metadata.name === "lateen-pilot");
    assert.match(JSON.stringify(pilot), /mesh-nats-ca/);
  });

  const refused: readonly (readonly [what: string, set: string, says: RegExp])[] = [
    ["an unknown value", "pilot.replica=3", /\/pilot.*replica.*not allowed/],
    ["an unknown service", "pilots.replicas=3", /pilots.*not allowed/],
    ["a text for a number", "pilot.replicas=many", /\/pilot\/replicas.*want integer/],
    ["too few replicas", "citadel.replicas=0", /\/citadel\/replicas/],
    ["a rate below none", "pilot.handOffPerSecond=-1", /\/pilot\/handOffPerSecond/],
    ["an unknown choice", "injector.failurePolicy=Maybe", /\/injector\/failurePolicy.*'Fail', 'Ignore'/],
    ["no URL", "nats.url=localhost", /\/nats\/url/],
    ["a port out of range", "gateways.ingress.service.ports[0].port=99999", /port.*65,?535/],
  ];
  for (const [what, set, says] of refused)
    test(`refuses ${what}, naming it`, async () => {
      const { code, stderr } = await renderChart(chart, ["--set", set]);
      assert.notEqual(code, 0);
      assert.match(stderr, says);
    });

  test("every value has a description", async () => {
    const { default: schema } = (await import(resolve(chart, "values.schema.json"), { with: { type: "json" } })) as {
      default: Schema;
    };
    assert.deepEqual(undescribed(schema, ""), []);
  });
});

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

function undescribed({ properties = {}, definitions = {} }: Schema, path: string): string[] {
  return Object.entries({ ...properties, ...definitions }).flatMap(([name, schema]) => [
    ...(schema.description ? [] : [`${path}.${name}`]),
    ...undescribed(schema, `${path}.${name}`),
  ]);
}
