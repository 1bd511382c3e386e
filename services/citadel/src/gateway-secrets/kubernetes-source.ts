import { type KubeClient, type KubeObject, Reflector } from "@lateen/kube";
import { type Logger, aborted } from "@lateen/runtime";
import { Latest } from "./latest.ts";
import type { SecretData, SecretRef, SecretSource } from "./secret-source.ts";

const secrets = { apiVersion: "v1", plural: "secrets" };

interface Followed {
  readonly latest: Latest<SecretData | undefined>;
  readonly stop: AbortController;
  readers: number;
}

/** Each Secret that is asked for is watched alone, by name, so that no other Secret is ever read; readers share the watch. */
export class KubernetesSecrets implements SecretSource {
  readonly #client: KubeClient;
  readonly #logger: Logger;
  readonly #followed = new Map<string, Followed>();

  constructor(client: KubeClient, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
  }

  async *watch(ref: SecretRef, signal: AbortSignal): AsyncGenerator<SecretData | undefined> {
    const key = `${ref.namespace}/${ref.name}`;
    const followed = this.#followed.get(key) ?? this.#follow(key, ref);
    followed.readers += 1;
    try {
      yield* followed.latest.follow(signal);
    } finally {
      followed.readers -= 1;
      if (followed.readers === 0) this.#forget(key, followed);
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    await aborted(signal);
    for (const [key, followed] of this.#followed) this.#forget(key, followed);
  }

  #follow(key: string, ref: SecretRef): Followed {
    const followed: Followed = { latest: new Latest(), stop: new AbortController(), readers: 0 };
    this.#followed.set(key, followed);
    const reflector = new Reflector(this.#client, {
      type: secrets,
      namespace: ref.namespace,
      fieldSelector: `metadata.name=${ref.name}`,
      logger: this.#logger,
      handler: {
        reset: ([secret]) => followed.latest.set(secret && dataOf(secret)),
        apply: (secret) => followed.latest.set(dataOf(secret)),
        delete: () => followed.latest.set(undefined),
      },
    });
    void reflector.run(followed.stop.signal); // rejects only where the handler throws, which it does not
    return followed;
  }

  #forget(key: string, followed: Followed): void {
    followed.stop.abort();
    if (this.#followed.get(key) === followed) this.#followed.delete(key);
  }
}

function dataOf(secret: KubeObject): SecretData {
  const data = (secret["data"] ?? {}) as Readonly<Record<string, string>>;
  return new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64")]));
}
