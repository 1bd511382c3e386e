// Removes what the services made at run time and Helm does not know: the roots in every namespace, and the CA's key.
// Runs after `helm uninstall`. Only objects that the mesh alone wrote; a CA taken over from another control plane stays.
import { readFileSync } from "node:fs";

const account = "/var/run/secrets/kubernetes.io/serviceaccount";
const server = `https://${process.env.KUBERNETES_SERVICE_HOST}:${process.env.KUBERNETES_SERVICE_PORT}`;
const deadline = Date.now() + 60_000;

async function call(method, path) {
  const authorization = `Bearer ${readFileSync(`${account}/token`, "utf8")}`;
  const response = await fetch(server + path, { method, headers: { authorization, accept: "application/json" } });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

function madeHere(object, manager) {
  const managers = (object.metadata.managedFields ?? []).map((entry) => entry.manager);
  return managers.length > 0 && managers.every((name) => name === manager);
}

/** The paths of what is left. */
async function leftovers() {
  const list = await call("GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Distio-ca-root-cert");
  const found = list.items
    .filter((object) => madeHere(object, "lateen-citadel"))
    .map(({ metadata }) => `/api/v1/namespaces/${metadata.namespace}/configmaps/${metadata.name}`);
  if (process.env.KEEP_CA === "true") return found;
  const path = `/api/v1/namespaces/${process.env.NAMESPACE}/secrets/istio-ca-secret`;
  const secret = await call("GET", path);
  return secret !== undefined && madeHere(secret, "lateen") ? [...found, path] : found;
}

// Citadel may be stopping still and write once more, so nothing must be left twice in a row.
for (let quiet = 0; quiet < 2; ) {
  const paths = await leftovers();
  for (const path of paths) {
    await call("DELETE", path);
    console.log(`deleted ${path}`);
  }
  quiet = paths.length === 0 ? quiet + 1 : 0;
  if (Date.now() > deadline) throw new Error("somebody writes these objects again and again; is citadel still running?");
  await new Promise((resolve) => setTimeout(resolve, 500));
}
