import * as v from "valibot";
import type { AccessView } from "../../../schemas/evidence-list.ts";
import { Fact } from "../../../schemas/card.ts";
import type { Json } from "../../../schemas/json.ts";
import { gone, type Account, type Step, type Vote } from "../evidence/account.ts";
import { joined, lines, markup, text, type Markup } from "./markup.ts";

/** The page of an export: everything in it as a reader would tell it, to be read on a screen or printed. It runs nothing. */

/** What the page says of the export as a whole. Times are RFC 3339. */
export type Cover = {
  readonly workspace: string;
  readonly exportedAt: string;
  readonly since: string | null;
  readonly until: string | null;
  readonly type: string | null;
  readonly actions: number;
  readonly origin: string;
  readonly size: number;
  readonly root: string;
};

const style = `
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 0 0 .5rem; } h3 { font-size: 1rem; margin: 1rem 0 .35rem; }
code, .data { font-family: ui-monospace, monospace; font-size: .86em; overflow-wrap: anywhere; }
.data { white-space: pre-wrap; }
section { border-top: 2px solid #1a1a1a; margin-top: 2rem; padding-top: 1rem; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .15rem 1rem; margin: 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .92em; }
th { text-align: left; color: #555; font-weight: 600; } th, td { padding: .2rem .6rem .2rem 0; vertical-align: top; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
td.what { overflow-wrap: break-word; } td.at { white-space: nowrap; font-variant-numeric: tabular-nums; }
blockquote { margin: .15rem 0; padding-left: .6rem; border-left: 3px solid #bbb; overflow-wrap: anywhere; }
.gone { color: #7a4a00; } .alarm { border: 2px solid #a40000; padding: .4rem .6rem; color: #a40000; font-weight: 600; }
.card { border: 1px solid #bbb; padding: .5rem .8rem; margin: .4rem 0; } .quiet { color: #555; }
nav ol { columns: 2; padding-left: 1.2rem; }
@page { margin: 16mm; }
@media print { body { font-size: 10pt; max-width: none; margin: 0; } section { break-before: page; } tr, .card, blockquote { break-inside: avoid; } h2, h3 { break-after: avoid; } a { color: inherit; text-decoration: none; } thead { display: table-header-group; } }
`;

/** Up to the first action. */
export function pageHead(cover: Cover): string {
  const { workspace, exportedAt, since, until, type, actions, origin, size, root } = cover;
  const head = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(`Evidence of ${workspace}, ${exportedAt}`).html}</title>
<style>${style}</style>
</head>
<body>
`;
  const body = markup`<h1>Evidence of the workspace ${workspace}</h1>
<dl>
<dt>Taken</dt><dd>${exportedAt}</dd>
<dt>Actions</dt><dd>${actions}, first seen ${since === null ? "at any time" : `at or after ${since}`}${until === null ? "" : `, before ${until}`}${type === null ? "" : `, of type ${type}`}</dd>
<dt>Log</dt><dd>${origin}</dd>
<dt>Checkpoint</dt><dd>${size} lines, root <code>${root}</code></dd>
</dl>
<p>This page tells what the files beside it say, and proves nothing by itself: README.txt says how to check them. Text between quotation bars was written by people or agents; characters that cannot be seen are named, as in <code>[U+202E]</code>. ${gone} stands for what was let go of when its time was over.</p>
`;
  return `${head}${body.html}`;
}

/** One action: what was asked, who decided what and when, what each voter was shown, and what is gone. */
export function actionSection(account: Account): string {
  const { number, action, type, outcome, steps, votes } = account;
  return markup`<section id="${action}">
<h2>${number}. ${type} — ${outcome}</h2>
${warnings(account)}${facts(account)}
<h3>What happened</h3>
${steps.length === 0 ? markup`<p class="gone">The record itself is gone. The log still shows that it was there, and when it was let go of.</p>` : timeline(steps)}
${
  votes.length === 0
    ? joined([])
    : joined([
        markup`<h3>Who decided, and what they were shown</h3>
`,
        ...votes.map(voteOf),
      ])
}${losses(account)}</section>
`.html;
}

function warnings({ lines: { conflicts } }: Account): Markup {
  if (conflicts.length === 0) return joined([]);
  return markup`<p class="alarm">The log holds a contradiction for this action, at ${conflicts.join(", ")}: what it said later does not go on from what it had said before.</p>
`;
}

const row = (name: string, value: Markup): Markup => markup`<dt>${name}</dt><dd>${value}</dd>
`;
const code = (value: string): Markup => markup`<code>${value}</code>`;

function facts(account: Account): Markup {
  const { action, risk, requester, owner, digest, policyVersion, decision, values, lines: at } = account;
  const sealed = at.sealed === null ? "not sealed yet" : `sealed at line ${at.sealed}`;
  return joined([
    markup`<dl>
`,
    row("Action", code(action)),
    row("Risk", text(risk)),
    row("Asked for by", text(`${requester}, owned by ${owner}`)),
    ...values.map(([name, value]) => row(name, valueOf(value, name))),
    row("Digest", code(digest)),
    row("Policy", code(policyVersion)),
    row("The policy said", text(decision)),
    row("In the log", text(`first seen at line ${at.opened}, ${sealed}`)),
    markup`</dl>
`,
  ]);
}

function valueOf(value: Json, name: string): Markup {
  if (value === gone) return markup`<span class="gone">${gone}</span>`;
  if (name === "reason" && typeof value === "string") return quoted(value);
  if (typeof value === "string") return markup`<span class="data">${lines(value)}</span>`;
  return markup`<span class="data">${lines(JSON.stringify(value, null, 1))}</span>`;
}

const quoted = (words: string): Markup =>
  words === gone
    ? markup`<span class="gone">${gone}</span>`
    : markup`<blockquote>${lines(words)}</blockquote>`;

function timeline(steps: readonly Step[]): Markup {
  const rows = steps.map(
    ({
      seq,
      at,
      type,
      outcome,
      actor,
      reason,
      particulars,
    }) => markup`<tr><td>${seq}</td><td class="at">${at}</td><td class="what">${type.replaceAll("_", " ")}<br><span class="quiet">${outcome}</span></td><td>${actor}</td><td>${reason === null ? joined([]) : quoted(reason)}<span class="data">${lines(particulars.join("\n"))}</span></td></tr>
`,
  );
  return joined([
    markup`<table><thead><tr><th>#</th><th>When</th><th>What</th><th>Who</th><th>In their words, and particulars</th></tr></thead><tbody>
`,
    ...rows,
    markup`</tbody></table>
`,
  ]);
}

function voteOf(vote: Vote): Markup {
  const { seq, at, person, decision, via, identity, counted, reason } = vote;
  const as = identity === person ? "" : `, as ${identity}`;
  return markup`<div class="card"><p><strong>${person}</strong>: ${decision} at ${at}, by ${via}${as}; ${counted ? "it counted" : "it did not count"} (event ${seq})</p>
${reason === null ? joined([]) : quoted(reason)}${shownOf(vote)}</div>
`;
}

const Shown = v.looseObject({
  title: v.optional(v.string(), ""),
  facts: v.array(Fact),
  warnings: v.optional(v.array(v.string()), []),
  agentSays: v.optional(v.array(v.string()), []),
});

function shownOf({ shown, shownDigest }: Vote): Markup {
  const digest =
    shownDigest === null
      ? joined([])
      : markup`<p class="quiet">What was shown: <code>${shownDigest}</code></p>
`;
  if (shown === null) {
    return markup`${digest}<p class="gone">What was shown cannot be made again: its values are gone, or another version of the engine drew it.</p>
`;
  }
  const card = v.safeParse(Shown, shown);
  if (!card.success) {
    return markup`${digest}<p class="data">${lines(JSON.stringify(shown, null, 1))}</p>
`;
  }
  const { title, facts: told, warnings: warned, agentSays } = card.output;
  return joined([
    digest,
    markup`<p>${title}</p>
<dl>
`,
    ...told.map(
      ({ label, lines: said }) => markup`<dt>${label}</dt><dd class="data">${lines(said.join("\n"))}</dd>
`,
    ),
    ...warned.map(
      (warning) => markup`<dt>Warning</dt><dd>${warning}</dd>
`,
    ),
    markup`<dt>Agent says (unverified)</dt><dd>${quoted(agentSays.join("\n"))}</dd>
</dl>
`,
  ]);
}

function losses({ redactions, erased }: Account): Markup {
  if (redactions.length === 0 && erased.length === 0) return joined([]);
  return joined([
    markup`<h3>What is not here</h3>
<ul>
`,
    ...redactions.map(
      ({
        pointer,
        kind,
      }) => markup`<li>Recognised as a secret (${kind}) and never stored: <code>${pointer}</code></li>
`,
    ),
    ...erased.map(
      ({
        class: name,
        at,
      }) => markup`<li class="gone">Everything of the class ${name}, let go of at ${at}</li>
`,
    ),
    markup`</ul>
`,
  ]);
}

/** Who has read evidence, up to the heading row. */
export const accessHead = `<section id="access">
<h2>Who has read evidence</h2>
<table><thead><tr><th>Line</th><th>When</th><th>Who</th><th>What</th><th>Answered</th></tr></thead><tbody>
`;

export function accessRow({ index, at, by, route, action, asked, outcome }: AccessView): string {
  return markup`<tr><td>${index}</td><td class="at">${at}</td><td>${by.id}</td><td>${route}${action === null ? "" : ` of ${action}`}${asked === null ? "" : ` (${asked})`}</td><td>${outcome}</td></tr>
`.html;
}

export const pageTail = `</tbody></table>
</section>
</body>
</html>
`;
