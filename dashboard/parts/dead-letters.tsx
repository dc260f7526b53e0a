import * as v from "valibot";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { visible } from "../../core/card/visible.ts";
import { DeadLetterList, type DeadLetterView } from "../../schemas/webhook-view.ts";
import { call, wordsOf } from "../api.ts";
import { session } from "../session.ts";
import { useStore } from "../store.ts";
import { Age } from "./marks.tsx";

/** Deliveries that used up their tries. Operators see which, and send them again. */
export function DeadLetters({ count }: { count: number }): JSX.Element {
  const state = useStore(session);
  const operator = state.kind === "in" && state.session.scopes.includes("deliveries:write");
  return (
    <section aria-labelledby="dead-letters">
      <h2 id="dead-letters">Dead letters</h2>
      {count === 0 && <p>Everything was delivered, or is still being tried.</p>}
      {count > 0 && !operator && (
        <p>
          {count} {count === 1 ? "notice was" : "notices were"} not delivered. An operator can send{" "}
          {count === 1 ? "it" : "them"} again.
        </p>
      )}
      {count > 0 && operator && <Letters count={count} />}
    </section>
  );
}

/** What can be done stands beside what it is about: on a telephone the rest is off to the side. */
const headings = [
  ["Notice", ""],
  ["", ""],
  ["To", "words"],
  ["Tries", ""],
  ["Age", ""],
  ["Last error", "words"],
] as const;
/** Those that are listed; the others come up as these are sent. */
const listed = 50;

function Letters({ count }: { count: number }): JSX.Element {
  const [letters, setLetters] = useState<readonly DeadLetterView[]>([]);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    const ended = new AbortController();
    const load = async (): Promise<void> => {
      try {
        const init = { signal: ended.signal };
        setLetters((await call(DeadLetterList, `/v1/dead-letters?limit=${listed}`, init)).items);
        setFault(null);
      } catch (error) {
        if (!ended.signal.aborted) setFault(wordsOf(error));
      }
    };
    void load();
    return () => ended.abort();
  }, [count]);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-labelledby="dead-letters">
      {fault !== null && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      {letters.length === listed && count > listed && (
        <p>
          {listed} of {count}, the newest first.
        </p>
      )}
      <table>
        <thead>
          <tr>
            {headings.map(([heading, kind]) => (
              <th key={heading} scope="col" class={kind}>
                {heading === "" ? <span class="hidden">Send again</span> : heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {letters.map((letter) => (
            <Letter key={letter.id} letter={letter} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Letter({ letter }: { letter: DeadLetterView }): JSX.Element {
  const [said, setSaid] = useState<string | null>(null);
  const again = async (): Promise<void> => {
    try {
      const path = `/v1/dead-letters/${encodeURIComponent(letter.id)}/retry`;
      await call(v.object({ id: v.string() }), path, { method: "POST", body: {} });
      setSaid("Sent again");
    } catch (error) {
      setSaid(wordsOf(error));
    }
  };
  return (
    <tr>
      <th scope="row">
        <a href={`/actions/${letter.action}`}>{letter.type}</a>
      </th>
      <td>
        {said ?? (
          <button type="button" onClick={() => void again()}>
            Send again
          </button>
        )}
      </td>
      <td class="words">{letter.sink}</td>
      <td>{letter.tries}</td>
      <td>
        <Age since={letter.at} />
      </td>
      <td class="words">{visible(letter.lastError)}</td>
    </tr>
  );
}
