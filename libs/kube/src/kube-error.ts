interface StatusBody {
  readonly kind?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
}

/** The API server refused a request. `reason` is Kubernetes' own word: NotFound, Conflict, AlreadyExists, Expired, ... */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** Reads the `Status` object (or, failing that, the text) of a refusal into an error that says what was asked. */
export function refusal(what: string, status: number, body: string): KubeError {
  const parsed = parseStatus(body);
  const reason = parsed?.reason ?? `HTTP ${status}`;
  const detail = parsed?.message ?? body.slice(0, 300).trim();
  return new KubeError(
    parsed?.code ?? status,
    reason,
    `${what}: ${detail === "" ? reason : detail}${remedyFor(status)}`,
  );
}

/** True where a resourceVersion or a page's continue token is too old: list again. */
export function isGone(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 410 || error.reason === "Expired" || error.reason === "Gone");
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** Somebody else wrote first (stale resourceVersion), or the object to create exists. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409;
}

function remedyFor(status: number): string {
  if (status === 401) return "; check the token or client certificate of the kubeconfig";
  if (status === 403) return "; grant the service account this verb in its Role or ClusterRole";
  return "";
}

function parseStatus(body: string): StatusBody | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && (value as StatusBody).kind === "Status" ? value : undefined;
  } catch {
    return undefined; // a proxy's HTML page, or nothing
  }
}
