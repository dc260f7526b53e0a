import { visible } from "../../../core/card/visible.ts";
import { gone, plainly, type Account } from "../evidence/account.ts";
import type { Paint } from "../terminal.ts";
import { formatColumns } from "./table.ts";

/** The evidence of one action for a terminal: what was asked, what happened, what is gone, and where it stands in the log. */
export function formatAccount(account: Account, paint: Paint): string {
  const { number, action, type, outcome, requester, owner, digest, values, steps, lines } = account;
  const facts = [
    ["action", action],
    ["asked by", `${visible(requester)} (owner ${visible(owner)})`],
    ...values.map(([name, value]) => [name, value === gone ? paint.dim(gone) : visible(plainly(value))]),
    ["digest", digest],
  ].map(([name = "", value = ""]) => [paint.dim(name), value]);
  const log = steps.map(({ seq, at, type: what, actor, reason, particulars }) => [
    paint.dim(String(seq)),
    paint.dim(at),
    what.replaceAll("_", " "),
    visible(actor),
    [...(reason === null ? [] : [`“${visible(reason)}”`]), ...particulars.map(visible)].join(" · "),
  ]);
  const sealed = lines.sealed === null ? "not sealed yet" : `sealed at line ${lines.sealed}`;
  return [
    paint.bold(`${number}. ${visible(type)}: ${outcome}`),
    ...indented(formatColumns(facts)),
    "",
    ...(log.length === 0
      ? [`  ${paint.yellow("The record itself is gone.")}`]
      : indented(formatColumns(log))),
    "",
    ...account.redactions.map(
      ({ pointer, kind }) => `  never stored: ${visible(pointer)} (${visible(kind)})`,
    ),
    ...account.erased.map((one) => `  let go of: ${one.class}, at ${one.at}`),
    ...lines.conflicts.map((line) => paint.red(`  the log holds a contradiction at line ${line}`)),
    `  in the log: first seen at line ${lines.opened}, ${sealed}`,
  ].join("\n");
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
