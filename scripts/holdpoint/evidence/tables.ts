import type { AccessView } from "../../../schemas/evidence-list.ts";
import { visible } from "../../../core/card/visible.ts";
import { csvRow, type Cell } from "../render/csv.ts";
import { plainly, type Account } from "./account.ts";

/**
 * What stands in the tables of an export. Foreign text is on one line, with what cannot be seen named: a cell is read by people,
 * and the bundles hold it as it was.
 */

/** A table by its file's name: its headings, and the rows of one action. */
type Table = { readonly headings: readonly string[]; readonly rows: (account: Account) => Cell[][] };

export const tables = {
  "actions.csv": {
    headings: [
      "number",
      "action",
      "type",
      "risk",
      "outcome",
      "requester",
      "owner",
      "target",
      "reason",
      "asked_at",
      "last_event_at",
      "events",
      "policy_said",
      "policy_version",
      "digest",
      "line_opened",
      "line_sealed",
      "contradictions",
      "redacted",
      "erased",
    ],
    rows: (account) => [actionRow(account)],
  },
  "events.csv": {
    headings: ["number", "action", "seq", "at", "type", "outcome", "actor", "reason", "particulars"],
    rows: ({ number, action, steps }) =>
      steps.map(({ seq, at, type, outcome, actor, reason, particulars }) => [
        number,
        action,
        seq,
        at,
        type,
        outcome,
        actor,
        reason,
        particulars.join("; "),
      ]),
  },
  "votes.csv": {
    headings: [
      "number",
      "action",
      "seq",
      "at",
      "person",
      "counts_as",
      "decision",
      "counted",
      "via",
      "reason",
      "shown_digest",
      "shown_here",
    ],
    rows: ({ number, action, votes }) =>
      votes.map((vote) => [
        number,
        action,
        vote.seq,
        vote.at,
        vote.person,
        vote.identity,
        vote.decision,
        vote.counted ? "yes" : "no",
        vote.via,
        vote.reason,
        vote.shownDigest,
        vote.shown === null ? "no" : "yes",
      ]),
  },
} as const satisfies Record<string, Table>;

export type TableName = keyof typeof tables;
export const tableNames = ["actions.csv", "events.csv", "votes.csv"] as const satisfies readonly TableName[];

function actionRow(account: Account): Cell[] {
  const { number, action, type, risk, outcome, requester, owner, values, steps } = account;
  const { decision, policyVersion, digest, lines, redactions, erased } = account;
  const valueOf = (name: string): string | null => {
    const found = values.find(([one]) => one === name);
    return found === undefined ? null : plainly(found[1]);
  };
  return [
    number,
    action,
    type,
    risk,
    outcome,
    requester,
    owner,
    valueOf("target"),
    valueOf("reason"),
    steps[0]?.at ?? null,
    steps.at(-1)?.at ?? null,
    steps.length,
    decision,
    policyVersion,
    digest,
    lines.opened,
    lines.sealed,
    lines.conflicts.length,
    redactions.map(({ pointer, kind }) => `${pointer} (${kind})`).join("; "),
    erased.map((one) => `${one.class} at ${one.at}`).join("; "),
  ];
}

export const accessTable = {
  headings: ["line", "at", "by", "route", "action", "asked", "outcome"],
  row: ({ index, at, by, route, action, asked, outcome }: AccessView): string =>
    shownRow([index, at, by.id, route, action, asked, outcome]),
} as const;

export const headingsOf = (name: TableName): string => csvRow(tables[name].headings);
export const rowsOf = (name: TableName, account: Account): string =>
  tables[name].rows(account).map(shownRow).join("");

const shownRow = (cells: readonly Cell[]): string =>
  csvRow(cells.map((cell) => (typeof cell === "string" ? visible(cell) : cell)));
