import { useEffect, useState } from "preact/hooks";
import { BreakGlassTerms } from "../schemas/break-glass.ts";
import { call } from "./api.ts";
import type { Shown } from "./use-action.ts";

/**
 * What this reader may do about breaking the glass, asked anew whenever the action changes. Null while that is not known:
 * nothing is offered then, because the engine alone decides.
 */
export function useGlass({ action: { id, seq, state, breakGlass } }: Shown): BreakGlassTerms | null {
  const [terms, setTerms] = useState<BreakGlassTerms | null>(null);
  const matters = state === "pending" || (breakGlass !== null && breakGlass.review === null);
  useEffect(() => {
    const ended = new AbortController();
    setTerms(null);
    if (matters) {
      call(BreakGlassTerms, `/v1/actions/${id}/break-glass`, { signal: ended.signal }).then(
        setTerms,
        () => undefined,
      );
    }
    return () => ended.abort();
  }, [id, seq, matters]);
  return terms;
}
