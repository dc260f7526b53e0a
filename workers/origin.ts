import { ProblemError } from "./http/problem.ts";

/**
 * Refuses what another site may have made a browser send: the Origin must be our own, and a header be there that no form can
 * set and no other origin may. Asked of whatever changes something for somebody whom the browser itself identifies (T20).
 */
export function demandOwnPage(request: Request, url: URL): void {
  demandOwnOrigin(request, url);
  if (request.headers.get("x-holdpoint-csrf") === "1") return;
  throw new ProblemError("forbidden", {
    detail: "Send `x-holdpoint-csrf: 1`, as the page does, or use a key.",
  });
}

/** A browser names the origin in every WebSocket upgrade and every write; a missing, `null` or foreign one is refused (T21). */
export function demandOwnOrigin(request: Request, url: URL): void {
  if (request.headers.get("origin") === url.origin) return;
  throw new ProblemError("forbidden", { detail: "This is for the engine's own page." });
}
