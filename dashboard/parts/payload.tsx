import type { JSX } from "preact";
import { visibleLines } from "../../core/card/visible.ts";
import type { ActionView } from "../../schemas/action.ts";

/** Everything the digest covers, as the JSON it is; nothing is cut. */
export function Payload({ action }: { action: ActionView }): JSX.Element {
  const { type, target, args, preconditions, rollbackPlan, notBefore, notAfter, requester, digest } = action;
  const { contractVersion, decision } = action;
  const payload = { type, target, args, preconditions, rollbackPlan, notBefore, notAfter, requester };
  return (
    <details class="payload">
      <summary>The whole payload</summary>
      <pre tabIndex={0}>{visibleLines(JSON.stringify(payload, null, 2)).join("\n")}</pre>
      <dl class="facts">
        <div class="data">
          <dt>Digest</dt>
          <dd>{digest}</dd>
        </div>
        <div class="data">
          <dt>Contract</dt>
          <dd>{contractVersion}</dd>
        </div>
        <div class="words">
          <dt>Asked for approval because</dt>
          <dd>{decision.because}</dd>
        </div>
      </dl>
    </details>
  );
}
