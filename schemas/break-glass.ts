import * as v from "valibot";
import { Digest, Label, PersonId, Prose } from "./text.ts";

export const ReviewVerdict = v.picklist(["justified", "unjustified"]);
export type ReviewVerdict = v.InferOutput<typeof ReviewVerdict>;

/** What a reason takes: enough to tell the one who reviews it what was at stake. In characters, blanks at its ends not counted. */
export const glassReasonLength = 20;

/** Body of `POST /v1/actions/:id/break-glass`. `confirm` says that the caller knows what they are about to skip. */
export const BreakGlassBody = v.strictObject({
  digest: Digest,
  reason: v.pipe(
    Prose,
    v.check(
      (text) => text.trim().length >= glassReasonLength,
      `is at least ${glassReasonLength} characters: say what is at stake and why it cannot wait`,
    ),
  ),
  incident: v.pipe(
    Label,
    v.check((text) => text.trim() !== "", "names the incident, such as INC-1042"),
  ),
  confirm: v.literal(true, "must be true: it says that you mean to go round the approvers"),
});
export type BreakGlassBody = v.InferOutput<typeof BreakGlassBody>;

/** Body of `POST /v1/actions/:id/break-glass/review`. */
export const ReviewBody = v.strictObject({
  verdict: ReviewVerdict,
  note: v.pipe(
    Prose,
    v.check((text) => text.trim() !== "", "says what you have found"),
  ),
});
export type ReviewBody = v.InferOutput<typeof ReviewBody>;

const Instant = v.pipe(v.string(), v.isoTimestamp());

/** Broken glass as every answer shows it. Open until `review` is there. */
export const BrokenGlassView = v.object({
  by: PersonId,
  incident: v.string(),
  reason: v.string(),
  at: Instant,
  reviewDue: Instant,
  overdue: v.boolean(),
  review: v.nullable(v.object({ by: PersonId, verdict: ReviewVerdict, note: v.string(), at: Instant })),
});
export type BrokenGlassView = v.InferOutput<typeof BrokenGlassView>;

const Right = v.object({
  allowed: v.boolean(),
  /** Why not, to be shown; null where it is allowed. */
  because: v.nullable(v.string()),
});

/** Answer of `GET /v1/actions/:id/break-glass`: what the caller may do there now, and what would come of it. */
export const BreakGlassTerms = v.object({
  mayBreak: Right,
  mayReview: Right,
  /** The seats that would be skipped, and the people who would be told. */
  skips: v.array(v.object({ seat: v.string(), missing: v.number() })),
  tells: v.array(PersonId),
  /** Null where nobody may break the glass of this type. */
  reviewDueMs: v.nullable(v.number()),
  perPersonPerDay: v.nullable(v.number()),
});
export type BreakGlassTerms = v.InferOutput<typeof BreakGlassTerms>;

/** One use of the right, as `GET /v1/break-glass` lists it. */
export const GlassUseView = v.object({
  id: v.string(),
  action: v.string(),
  person: PersonId,
  incident: v.string(),
  at: Instant,
  reviewDue: Instant,
  overdue: v.boolean(),
  /** `dismissed`: it had come to nothing. */
  review: v.nullable(
    v.object({ by: v.string(), verdict: v.picklist(["justified", "unjustified", "dismissed"]), at: Instant }),
  ),
});
export type GlassUseView = v.InferOutput<typeof GlassUseView>;
export const GlassUseList = v.object({ items: v.array(GlassUseView), nextCursor: v.nullable(v.string()) });
export type GlassUseList = v.InferOutput<typeof GlassUseList>;
