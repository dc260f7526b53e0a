import type { ActionView } from "../schemas/action.ts";
import type { BreakGlassTerms, GlassUseList, ReviewVerdict } from "../schemas/break-glass.ts";
import { isAction, isGlassTerms, isGlassUses } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** Approving alone in an emergency, and answering for it. */

export type BreakGlass = {
  digest: string;
  /** At least 20 characters. */
  reason: string;
  /** The incident's reference, such as INC-1042. */
  incident: string;
};
export type Review = { verdict: ReviewVerdict; note: string };
export type GlassFilter = { state?: "open" | "overdue" | "all"; cursor?: string; limit?: number };
type Once = { idempotencyKey?: string };

export type GlassCalls = {
  /** Whether the caller may break the glass or review it, what would be skipped, and who would be told. */
  breakGlassTerms(id: string): Promise<BreakGlassTerms>;
  /** Approves it alone in an emergency, as a person who has that right. Somebody else must review it in time. */
  breakGlass(id: string, why: BreakGlass, options?: Once): Promise<ActionView>;
  review(id: string, review: Review, options?: Once): Promise<ActionView>;
  /** Who has broken the glass, newest first; without a state what has not been reviewed. Operators and on-call only. */
  brokenGlass(filter?: GlassFilter): Promise<GlassUseList>;
};

const at = (id: string): string => `/v1/actions/${encodeURIComponent(id)}/break-glass`;

export function glassCalls({ call }: Transport): GlassCalls {
  return {
    breakGlassTerms: (id) => call({ method: "GET", path: at(id), guard: isGlassTerms }),
    breakGlass: (id, why, more = {}) =>
      call({ method: "POST", path: at(id), body: { ...why, confirm: true }, guard: isAction, ...more }),
    review: (id, body, more = {}) =>
      call({ method: "POST", path: `${at(id)}/review`, body, guard: isAction, ...more }),
    brokenGlass: (filter = {}) =>
      call({ method: "GET", path: "/v1/break-glass", query: filter, guard: isGlassUses }),
  };
}
