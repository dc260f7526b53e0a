import type { JSX } from "preact";
import type { Card } from "../../schemas/card.ts";

/** What will run, whole. Only ever text: nothing that came from a request is markup here. */
export function Facts({ card }: { card: Card }): JSX.Element {
  return (
    <>
      {card.warnings.map((warning) => (
        <p key={warning} class="warning" role="note">
          {warning}
        </p>
      ))}
      <dl class="facts">
        {card.facts.map(({ label, kind, lines }, index) => (
          <div key={index} class={kind}>
            <dt>{label}</dt>
            <dd>
              {lines.map((line, at) => (
                <span key={at} class="line">
                  {line === "" ? "\u00a0" : line}
                </span>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** After the facts, apart from them, and as what it is. */
export function AgentSays({ lines, who }: { lines: readonly string[]; who: string }): JSX.Element {
  return (
    <section class="agent-says" aria-labelledby="agent-says">
      <h2 id="agent-says">{who} says (nobody has verified this)</h2>
      <blockquote>
        {lines.map((line, at) => (
          <span key={at} class="line">
            {line === "" ? "\u00a0" : line}
          </span>
        ))}
      </blockquote>
    </section>
  );
}
