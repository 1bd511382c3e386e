/** What an OCI image is called: `oci://` and its registry, repository and tag or digest. */
export interface ImageReference {
  /** `host` or `host:port`. */
  readonly registry: string;
  readonly repository: string;
  /** A tag, or a digest with its algorithm: what the registry is asked for. */
  readonly wanted: string;
  /** The digest, where the reference has one. */
  readonly digest?: string;
}

const scheme = "oci://";
/** Docker Hub, as image references mean it by saying nothing. */
export const defaultRegistry = "index.docker.io";

export function isImage(url: string): boolean {
  return url.startsWith(scheme);
}

/**
 * Docker's rules: what stands before the first slash is a registry if it has a dot or a colon; without one it is Docker
 * Hub, where a name without a slash is in `library/`. No tag means `latest`; a digest counts more than a tag. Throws on what is no reference.
 */
export function parseImageReference(url: string): ImageReference {
  const [, name = "", tag = "latest", digest] =
    /^oci:\/\/([^@\s]*?)(?::([\w][\w.-]{0,127}))?(?:@((?:sha256:[0-9a-f]{64})|(?:sha512:[0-9a-f]{128})))?$/.exec(url) ??
    [];
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const named = /[.:]/.test(first) || first === "localhost";
  const registry = named && first !== "docker.io" ? first : defaultRegistry;
  const path = named ? name.slice(slash + 1) : name;
  const repository = registry === defaultRegistry && !path.includes("/") ? `library/${path}` : path;
  if (path === "" || !/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/.test(repository))
    throw new Error(`${url} is not the reference of an image: oci://registry/repository:tag or …@sha256:digest`);
  return { registry, repository, wanted: digest ?? tag, ...(digest !== undefined && { digest }) };
}
