import { describeSpecs } from "../testing/spec-cases.ts";

const route = "route: [{destination: {host: reviews}}]";

describeSpecs({
  VirtualService: [
    ["a VirtualService to delegate to", `http: [{match: [{uri: {prefix: /a}}], ${route}}]`],
    [
      "one that delegates",
      "hosts: [a]\nhttp: [{delegate: {name: b, namespace: c}, timeout: 1s, fault: {delay: {fixedDelay: 1s}}}]",
    ],
    [
      "what a delegation excludes",
      `hosts: [a]\nhttp: [{delegate: {name: B_}, ${route}}, {delegate: {namespace: "x/y"}, timeout: 1s, fault: {delay: {fixedDelay: 1s}}}]`,
      "spec.http[0].delegate.name name",
      "spec.http[0].delegate conflict",
      "spec.http[1].delegate.name required",
      "spec.http[1].delegate.namespace namespace",
    ],
    [
      "a delegate that delegates, or says where it applies",
      `gateways: [g]\nhttp: [{delegate: {name: b}}]\ntcp: [{route: [{destination: {host: a}}]}]`,
      "spec.hosts required",
      "spec.hosts required",
      "spec.http[0].delegate delegate",
    ],
    [
      "a redirect of a prefix",
      `hosts: [a]\nhttp: [{match: [{uri: {exact: /a}}], redirect: {uri: /b, prefixRewrite: /c}}]`,
      "spec.http[0].redirect.prefixRewrite conflict",
      "spec.http[0].redirect.prefixRewrite conflict",
    ],
    [
      "claims of a token",
      `hosts: [a]\nhttp: [{match: [{headers: {"@request.auth.claims.group": {exact: a}}}], ${route}}]`,
      'spec.http[0].match[0].headers["@request.auth.claims.group"] not-built',
    ],
    [
      "old spellings",
      `hosts: [a]\nhttp: [{mirror: {host: b}, mirrorPercent: 101, corsPolicy: {allowOrigin: [a]}, ${route}}]`,
      "warning spec.http[0].mirrorPercent deprecated",
      "spec.http[0].mirrorPercent percent",
      "warning spec.http[0].corsPolicy.allowOrigin deprecated",
    ],
  ],
});
