import type { PolicyDiff } from "../../../client/index.ts";
import type { Paint } from "../terminal.ts";
import { visible } from "../../../core/card/visible.ts";

/** What a document would change: a line for each contract and role class, and under it each field by its pointer. */
export function formatDiff(
  { added, removed, changed, roles, budgets = [] }: PolicyDiff,
  paint: Paint,
): string {
  const lines = [
    ...named(
      "contract",
      { added, removed, changed: changed.map(({ type, fields }) => ({ name: type, fields })) },
      paint,
    ),
    ...named("role class", roles, paint),
    ...(budgets.length === 0
      ? []
      : named("budgets", { added: [], removed: [], changed: [{ name: "an hour", fields: budgets }] }, paint)),
  ];
  return lines.length === 0 ? "No difference." : lines.join("\n");
}

function named(what: string, { added, removed, changed }: PolicyDiff["roles"], paint: Paint): string[] {
  return [
    ...added.map((name) => paint.green(`+ ${what} ${visible(name)}`)),
    ...removed.map((name) => paint.red(`- ${what} ${visible(name)}`)),
    ...changed.flatMap(({ name, fields }) => [
      paint.yellow(`~ ${what} ${visible(name)}`),
      ...fields.flatMap(({ pointer, from, to }) => [
        `    ${paint.bold(visible(pointer))}`,
        paint.red(`      - ${visible(JSON.stringify(from))}`),
        paint.green(`      + ${visible(JSON.stringify(to))}`),
      ]),
    ]),
  ];
}
