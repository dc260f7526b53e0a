import { ProblemError } from "./problem.ts";

/** For an address that takes nothing but a WebSocket. @throws ProblemError 426 where none is asked for (RFC 9110 §15.5.22) */
export function demandWebSocket({ headers }: Request): void {
  if (headers.get("upgrade")?.toLowerCase() === "websocket") return;
  throw new ProblemError(
    "upgrade_required",
    { detail: "Open this address as a WebSocket." },
    { upgrade: "websocket", connection: "upgrade" },
  );
}
