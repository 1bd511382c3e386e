import type { FastifyInstance } from "fastify";
import type { DebugAccess } from "./access.ts";
import type { DebugContext } from "./context.ts";
import { answerPage, pageHelp, pageText } from "./pages.ts";

export interface DebugOptions {
  readonly context: DebugContext;
  readonly access: DebugAccess;
  readonly ready: () => boolean;
}

/** The API server's proxy to a pod takes `authorization` for itself; a token for pilot can come in this header. */
const ownHeader = "x-lateen-authorization";

/** Pages for operators and the CLI. They show configuration and addresses, never a key or a token. */
export function debugRoutes({ context, access, ready }: DebugOptions): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.get("/ready", async (_request, reply) => reply.code(ready() ? 200 : 503).send({ ready: ready() }));
    app.get("/debug", async (request, reply) => {
      const granted = await access.ofRequest(request.ip, request.headers.authorization);
      return granted === undefined ? reply.code(401).send() : pageHelp;
    });
    app.get<{ Params: { page: string } }>("/debug/:page", async ({ ip, headers, url, params }, reply) => {
      const own = headers[ownHeader];
      const granted = await access.ofRequest(ip, typeof own === "string" ? own : headers.authorization);
      const cut = url.indexOf("?");
      const parameters = new URLSearchParams(cut < 0 ? "" : url.slice(cut + 1));
      const answer = await answerPage(params.page, { context, access: granted, parameters });
      return reply
        .code(answer.status)
        .type(typeof answer.body === "string" ? "text/plain" : "application/json")
        .send(pageText(answer, { pretty: parameters.has("pretty") }));
    });
  };
}
