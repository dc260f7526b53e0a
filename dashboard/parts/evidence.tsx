import type { JSX } from "preact";

/** What can be shown to somebody else later: the log as the engine has it, as a file. Fetched as whoever is signed in. */
export function Evidence({ id }: { id: string }): JSX.Element {
  return (
    <section class="evidence" aria-labelledby="evidence">
      <h2 id="evidence">Evidence</h2>
      <p>
        <a href={`/v1/actions/${id}/events`} download={`${id}.events.json`}>
          Event log (JSON)
        </a>
      </p>
    </section>
  );
}
