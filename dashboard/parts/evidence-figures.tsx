import type { JSX } from "preact";
import type { EvidenceFigures, HeldBytes } from "../../schemas/evidence-figures.ts";
import { formatMs } from "../clock.ts";

/** So many readers are shown; all of them are in `GET /v1/metrics`. */
const shownReaders = 10;

/** What is kept of evidence, what should be gone by now, whether the log is signed, and who reads. */
export function EvidenceTables({ figures }: { figures: EvidenceFigures }): JSX.Element {
  return (
    <section aria-labelledby="evidence-figures">
      <h2 id="evidence-figures">Evidence and retention</h2>
      <LogText figures={figures} />
      <div class="table-scroll" tabIndex={0} role="region" aria-labelledby="evidence-figures">
        <Retention figures={figures} />
      </div>
      <div class="columns">
        <Context figures={figures} />
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Reads of evidence">
          <Reads figures={figures} />
        </div>
      </div>
    </section>
  );
}

function LogText({ figures: { log, checkpoint, complete } }: { figures: EvidenceFigures }): JSX.Element {
  const { lines, actions, conflicts, holds } = log;
  const unsigned =
    checkpoint.unsigned === 0
      ? "All of it is signed."
      : `${counted(checkpoint.unsigned, "line")} not signed yet, the oldest for ${formatMs(checkpoint.lagMs)}.`;
  return (
    <>
      {conflicts > 0 && (
        <p class="fault">
          The log has {counted(conflicts, "contradiction")}: an action said otherwise than before. It was put
          back, or somebody has written in its storage.
        </p>
      )}
      <p>
        The log has {counted(lines, "line")} of {counted(actions, "action")}. {unsigned}{" "}
        {holds === 0 ? "Nothing is held." : `${counted(holds, "hold")} in force.`}
        {complete ? "" : " What is kept is of the newest actions only."}
      </p>
    </>
  );
}

function Retention({ figures: { retention, held } }: { figures: EvidenceFigures }): JSX.Element {
  return (
    <table>
      <caption class="hidden">What was due to be forgotten, and what is kept, by class</caption>
      <thead>
        <tr>
          <th scope="col">Class</th>
          <th scope="col">Due</th>
          <th scope="col">Gone</th>
          <th scope="col">Late</th>
          <th scope="col">Held</th>
          <th scope="col">In time</th>
          <th scope="col">Oldest overdue</th>
          <th scope="col">Kept</th>
          <th scope="col">Of that, older than 30 days</th>
        </tr>
      </thead>
      <tbody>
        {retention.map((row) => {
          const own = held.filter((one) => one.class === row.class);
          const old = own.filter(({ age }) => age === "400d" || age === "more");
          return (
            <tr key={row.class}>
              <th scope="row">{row.class}</th>
              <td>{row.due}</td>
              <td>{row.done}</td>
              <td>{row.late}</td>
              <td>{row.held}</td>
              <td>{row.successRate === null ? "–" : `${(row.successRate * 100).toFixed(1)} %`}</td>
              <td>{row.oldestOverdueMs === null ? "–" : formatMs(row.oldestOverdueMs)}</td>
              <td>{bytesOf(own)}</td>
              <td>{bytesOf(old)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Context({ figures: { context } }: { figures: EvidenceFigures }): JSX.Element {
  return (
    <table>
      <caption class="hidden">Context that is kept, by type</caption>
      <thead>
        <tr>
          <th scope="col">Context of</th>
          <th scope="col">Actions</th>
          <th scope="col">Kept</th>
          <th scope="col">Largest</th>
        </tr>
      </thead>
      <tbody>
        {context.map(({ type, actions, bytes, most }) => (
          <tr key={type}>
            <th scope="row">{type}</th>
            <td>{actions}</td>
            <td>{bytesText(bytes)}</td>
            <td>{bytesText(most)}</td>
          </tr>
        ))}
        {context.length === 0 && (
          <tr>
            <td colSpan={4}>No context is kept.</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

function Reads({ figures: { reads } }: { figures: EvidenceFigures }): JSX.Element {
  return (
    <table>
      <caption class="hidden">Reads of evidence, by who read</caption>
      <thead>
        <tr>
          <th scope="col">Read by</th>
          <th scope="col" class="words">
            Route
          </th>
          <th scope="col">Allowed</th>
          <th scope="col">Refused</th>
        </tr>
      </thead>
      <tbody>
        {reads.slice(0, shownReaders).map(({ principal, route, allowed, refused }) => (
          <tr key={`${principal} ${route}`}>
            <th scope="row">{principal}</th>
            <td class="words">{route}</td>
            <td>{allowed}</td>
            <td>{refused}</td>
          </tr>
        ))}
        {reads.length === 0 && (
          <tr>
            <td colSpan={4}>Nobody has read evidence.</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
const bytesOf = (rows: readonly HeldBytes[]): string =>
  bytesText(rows.reduce((sum, { bytes }) => sum + bytes, 0));

function bytesText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
