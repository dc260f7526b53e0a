import type { JSX } from "preact";
import type { Figures, RateRow } from "../../schemas/metrics.ts";

/** How often the gates were wrong, and how runs went, each with how sure one can be of it and what it was measured over. */
export function RateTable({ rates }: { rates: Figures["rates"] }): JSX.Element | null {
  const { all, byClass, byType, window, complete } = rates;
  if (all.actions === 0 && all.bypasses === 0) return null;
  const labelled = all.needlessGates.labelled + all.missedGates.labelled;
  return (
    <section aria-labelledby="rates">
      <h2 id="rates">Gates and runs</h2>
      <p>
        {complete ? "" : "At least "}
        {counted(all.actions, "action")} decided in the last {window}, of {counted(all.types, "type")}, asked
        for by {counted(all.agents, "agent")}. {labelled} of them {labelled === 1 ? "has" : "have"} been
        spoken of; the others count as right, so needless and missed gates are at least as many. In brackets
        the 95 % interval.
      </p>
      <div class="table-scroll" tabIndex={0} role="region" aria-labelledby="rates">
        <table>
          <thead>
            <tr>
              <th scope="col">Class or type</th>
              <th scope="col">Actions</th>
              <th scope="col">Needless gates</th>
              <th scope="col">Missed gates</th>
              <th scope="col">Succeeded</th>
              <th scope="col">Rolled back</th>
              <th scope="col">Bypasses</th>
            </tr>
          </thead>
          <tbody>
            {byClass.map((row) => (
              <Row key={`class ${row.name}`} row={row} what="class" />
            ))}
            {byType.map((row) => (
              <Row key={`type ${row.name}`} row={row} what="type" />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ row, what }: { row: RateRow; what: "class" | "type" }): JSX.Element {
  const { name, actions, needlessGates, missedGates, success, rollback, bypasses } = row;
  return (
    <tr>
      <th scope="row">{what === "class" ? `class ${name}` : name}</th>
      <td>{actions}</td>
      <td>{rateText(needlessGates)}</td>
      <td>{rateText(missedGates)}</td>
      <td>{rateText(success)}</td>
      <td>{rateText(rollback)}</td>
      <td>{bypasses}</td>
    </tr>
  );
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

const percent = (share: number): string => (share * 100).toFixed(1);

function rateText({ hits, trials, low, high }: RateRow["success"]): string {
  if (trials === 0) return "–";
  return `${hits} of ${trials} (${percent(low)} to ${percent(high)} %)`;
}
