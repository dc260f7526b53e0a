import type { Tombstone } from "../../schemas/tombstone.ts";
import type { Refusal } from "../refusal.ts";

/** What whoever asks for an action hears of which only a tombstone is left. */
export function goneRefusal({ action, erasedAt }: Pick<Tombstone, "action" | "erasedAt">): Refusal {
  const at = new Date(erasedAt).toISOString();
  const detail = `${action} was erased at ${at}. GET /v1/actions/${action}/evidence proves that it was there and when it went.`;
  return { code: "gone", detail };
}
