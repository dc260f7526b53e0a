import type { ActionView } from "../../../schemas/action.ts";
import type { Json } from "../../../schemas/json.ts";
import type { Paint } from "../terminal.ts";
import { quoteWords } from "../words.ts";
import { ago, left } from "./time.ts";
import { hasHidden, visible, visibleLines } from "../../../core/card/visible.ts";

/** The words of an argument vector: undefined for anything else. */
export function argvOf(value: Json | undefined): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const words = value.filter((word) => typeof word === "string");
  return words.length === value.length ? words : undefined;
}

const label = (name: string): string => `  ${name.padEnd(14)}`;
const indented = (lines: readonly string[], by: string): string =>
  lines.map((line) => `${by}${line}`).join("\n");

/**
 * What a reviewer decides about: everything inside the digest, untruncated, then who decides, and last and apart the agent's
 * own words, which nobody has verified. No text of the agent's can look like a line of ours: each of its lines is marked.
 */
export function formatCard(action: ActionView, paint: Paint, now: number): string {
  return [
    `${paint.bold(action.id)}  ${paint.bold(visible(action.type))}  risk ${riskText(action.risk, paint)}  ${stateText(action, paint)}`,
    ...facts(action, now),
    ...warnings(action, paint),
    ...frozen(action, paint, now),
    ...watched(action),
    ...seats(action),
    ...votes(action, now),
    ...brokenGlass(action, paint, now),
    ...agentSays(action, paint),
  ].join("\n");
}

function facts(action: ActionView, now: number): string[] {
  const { target, requester, args, rollbackPlan, preconditions, notBefore, notAfter } = action;
  const where = [
    target.segment && `segment ${target.segment}`,
    target.environment,
    target.tool && `tool ${target.tool}`,
  ];
  const owned = requester.kind === "agent" ? ` (owner ${visible(requester.owner)})` : "";
  const behalf = requester.onBehalfOf === undefined ? "" : ` on behalf of ${visible(requester.onBehalfOf)}`;
  return [
    `${label("target")}${[target.resource, ...where.filter((part) => part !== undefined && part !== "")].map((part) => visible(part ?? "")).join(" · ")}`,
    ...payload("command", "args", args),
    ...payload("rollback", "rollback plan", rollbackPlan),
    ...payload("", "preconditions", preconditions),
    `${label("requester")}${visible(requester.id)}${owned}${behalf}, ${ago(action.createdAt, now)}`,
    ...(notBefore === null ? [] : [`${label("not before")}${notBefore}`]),
    ...(notAfter === null ? [] : [`${label("not after")}${notAfter}`]),
    `${label("digest")}${action.digest}`,
  ];
}

/** A command line to read where there is one, and the JSON itself, which is what is approved, always. */
function payload(line: string, name: string, value: ActionView["rollbackPlan"]): string[] {
  if (value === null) return [];
  const argv = argvOf(value["argv"]);
  const json = visibleLines(JSON.stringify(value, null, 2));
  return [
    ...(argv === undefined ? [] : commandLines(line, argv)),
    `${label(name)}${indented(json, " ".repeat(16)).trimStart()}`,
  ];
}

/** A word may hold line breaks, as scripts do; a line of one is marked, so that it cannot pass for a line of the card. */
function commandLines(name: string, argv: readonly string[]): string[] {
  const [first = "", ...rest] = visibleLines(quoteWords(argv));
  return [`${label(name)}${first}`, ...rest.map((line) => `${" ".repeat(16)}│ ${line}`)];
}

function warnings({ args, rollbackPlan, target, preconditions }: ActionView, paint: Paint): string[] {
  const text = JSON.stringify([args, rollbackPlan, target, preconditions]);
  if (!hasHidden(text)) return [];
  return [
    paint.yellow(
      "  ! It holds characters that cannot be seen or that reorder text; they are shown as [U+…].",
    ),
  ];
}

function frozen({ freeze }: ActionView, paint: Paint, now: number): string[] {
  if (freeze === undefined) return [];
  const { name, until, because } = freeze;
  const rest = left(until, now) ?? "";
  return [paint.yellow(`  ! Frozen until ${until} (${rest}), ${visible(name)}: ${visible(because)}`)];
}

/** What a contract that only watches would have said, which decided nothing. */
function watched({ decision: { mode, would } }: ActionView): string[] {
  if (mode === undefined || would === undefined) return [];
  return [`${label(mode)}enforced it would be: ${would.outcome} (${visible(would.because)})`];
}

function seats({ seats: list, state, separationOfDuties }: ActionView): string[] {
  if (list.length === 0) return [];
  const lines = list.map(
    ({ seat, n, filled, from }) =>
      `${label("seat")}${visible(seat)} ${filled}/${n} from ${from.map(visible).join(", ")}`,
  );
  const duties =
    !separationOfDuties.owner && state === "pending"
      ? [`${label("")}the agent's owner may decide too (separation of duties is off)`]
      : [];
  return [...lines, ...duties];
}

function votes({ votes: list }: ActionView, now: number): string[] {
  return list.map(({ person, decision, reason, at, via, counts }) => {
    const why = reason === null ? "" : `: ${visible(reason)}`;
    return `${label("vote")}${visible(person)} ${decision} via ${via}, ${ago(at, now)}${counts ? "" : " (does not count)"}${why}`;
  });
}

function brokenGlass(action: Partial<ActionView>, paint: Paint, now: number): string[] {
  // An engine from before there was such a right says nothing of it.
  const breakGlass = action.breakGlass ?? null;
  if (breakGlass === null) return [];
  const { by, incident, reason, at, reviewDue, overdue, review } = breakGlass;
  const due = overdue ? `overdue since ${reviewDue}` : `due ${reviewDue}`;
  return [
    paint.red(
      `${label("GLASS BROKEN")}${visible(by)} approved this alone for ${visible(incident)}, ${ago(at, now)}: ${visible(reason)}`,
    ),
    review === null
      ? paint.red(`${label("review")}${due}`)
      : `${label("review")}${review.verdict}, says ${visible(review.by)}: ${visible(review.note)}`,
  ];
}

function agentSays({ reason, context, requester }: ActionView, paint: Paint): string[] {
  const who = requester.kind === "agent" ? "agent" : visible(requester.id);
  const lines = [
    ...visibleLines(reason),
    ...(context === null ? [] : ["", ...visibleLines(JSON.stringify(context, null, 2))]),
  ];
  return [paint.dim(`  ${who} says (unverified)`), paint.dim(indented(lines, "  │ "))];
}

/** The state in words, with what is left of its clock. */
export function stateText(
  { state, detail, deadlines }: Pick<ActionView, "state" | "detail" | "deadlines">,
  paint: Paint,
  now?: number,
): string {
  const text = detail === null ? state : `${state} (${detail.replaceAll("_", " ")})`;
  const clock =
    now === undefined ? null : left(state === "pending" ? deadlines.pending : deadlines.approval, now);
  const colour = colourOf(state, paint);
  return colour(clock === null ? text : `${text}, ${clock} left`);
}

export function colourOf(state: ActionView["state"], paint: Paint): (text: string) => string {
  switch (state) {
    case "approved":
    case "executed":
      return paint.green;
    case "pending":
    case "executing":
    case "rolling_back":
      return paint.yellow;
    case "rolled_back":
      return paint.cyan;
    case "denied":
    case "cancelled":
    case "expired":
    case "failed":
    case "rollback_failed":
      return paint.red;
  }
}

export function riskText(risk: ActionView["risk"], paint: Paint): string {
  return risk === "high" || risk === "critical" ? paint.red(risk) : risk;
}
