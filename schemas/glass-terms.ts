import * as v from "valibot";
import { BreakGlassTerms, ReviewVerdict } from "./break-glass.ts";
import { PersonId } from "./text.ts";

/** `BreakGlassTerms`, and which of the Registry's uses broke the glass: what the Worker asks an action before it opens one. */
export const GlassTerms = v.object({
  ...BreakGlassTerms.entries,
  use: v.nullable(
    v.object({
      id: v.string(),
      review: v.nullable(v.object({ by: PersonId, verdict: ReviewVerdict, at: v.number() })),
    }),
  ),
});
export type GlassTerms = v.InferOutput<typeof GlassTerms>;
