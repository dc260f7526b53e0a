import type { ActionView } from "../../schemas/action.ts";
import type { Card, Fact } from "../../schemas/card.ts";
import type { Json, JsonObject } from "../../schemas/json.ts";
import { isEngineType } from "../engine-actions.ts";
import { figuresInWords } from "../guardrail/loosening.ts";
import { plainObject } from "../plain-json.ts";
import { asciiOf, hasHidden, mixesScripts, visible, visibleLines } from "./visible.ts";

/** What an operator has said of a type, shown beside what the agent asks for. */
export type Told = { readonly description: string | null; readonly rollback: boolean };

/**
 * The card of an action: facts first, from the payload that the digest covers, then how it stands, then the agent's
 * own words. Nothing the agent writes changes a fact or its place: reason and context only ever reach `agentSays`.
 */
export function cardOf(action: ActionView, told: Told): Card {
  const { id, seq, digest, state, detail, risk, requester, seats, votes, links } = action;
  return {
    id,
    seq,
    digest,
    title: `${visible(action.type)} on ${visible(action.target.resource)}`,
    state,
    detail,
    status: statusOf(action),
    risk,
    requester,
    facts: factsOf(action, told),
    warnings: [...glassWarnings(action), ...frozenWarning(action), ...warningsOf(action)],
    seats,
    votes: votes.map((vote) => ({ ...vote, reason: vote.reason === null ? null : visible(vote.reason) })),
    clocks: clocksOf(action),
    breakGlass: brokenGlass(action),
    agentSays: agentSays(action),
    page: links.page,
    open: {
      vote: state === "pending",
      revoke: state === "approved",
      rollback:
        (state === "executed" || state === "failed") &&
        action.deadlines.rollback !== null &&
        detail !== "none",
    },
  };
}

const words = (label: string, ...lines: string[]): Fact => ({ label, kind: "words", lines });
const data = (label: string, ...lines: string[]): Fact => ({ label, kind: "data", lines });

function factsOf(action: ActionView, told: Told): Fact[] {
  const { type, risk, target, requester, args, preconditions, rollbackPlan, notBefore, notAfter } = action;
  const owned = requester.kind === "agent" ? `, owned by ${visible(requester.owner)}` : "";
  const behalf = requester.onBehalfOf === undefined ? "" : `, on behalf of ${visible(requester.onBehalfOf)}`;
  return [
    words("Type", visible(type), ...(told.description === null ? [] : [visible(told.description)])),
    words("Risk", risk),
    data("Target", ...targetLines(target)),
    words("Blast radius", blastRadius(action)),
    ...(isEngineType(type) ? engineFacts(args) : argumentFacts("Argument", args)),
    ...(preconditions === null ? [] : argumentFacts("Precondition", preconditions)),
    ...rollbackFacts(rollbackPlan, told),
    words("Asked by", `${visible(requester.id)}${owned}${behalf}`),
    ...(notBefore === null ? [] : [words("Not before", notBefore)]),
    ...(notAfter === null ? [] : [words("Not after", notAfter)]),
    ...(action.separationOfDuties.owner
      ? []
      : [words("Separation of duties", "off: the agent's owner may decide too")]),
    data("Digest", action.digest),
  ];
}

function targetLines(target: ActionView["target"]): string[] {
  const ascii = asciiOf(target.resource);
  return [visible(target.resource), ...(ascii === null ? [] : [`in ASCII: ${ascii}`])];
}

/** How far it can reach, from the target that the digest covers: what is not named is said to be open. */
function blastRadius({ target, class: policyClass }: ActionView): string {
  const { environment, segment, tool } = target;
  const reach = [
    environment === undefined ? "environment not named" : `environment ${visible(environment)}`,
    segment === undefined ? "no network segment" : `segment ${visible(segment)}`,
    ...(tool === undefined ? [] : [`tool ${visible(tool)}`]),
    `class ${visible(policyClass)}`,
  ];
  return reach.join(", ");
}

function rollbackFacts(plan: JsonObject | null, { rollback }: Told): Fact[] {
  if (plan !== null) return argumentFacts("Rollback", plan);
  return [
    words(
      "Rollback",
      rollback ? "none was given: it cannot be undone from here" : "not possible for this type",
    ),
  ];
}

/** Every value, whole, in a line of its own or in as many as it has; an empty object says that there is nothing. */
function argumentFacts(label: string, values: JsonObject): Fact[] {
  const entries = Object.entries(values);
  if (entries.length === 0) return [words(label, "none")];
  return entries.map(([name, value]) => data(`${label} ${visible(name)}`, ...valueLines(value)));
}

/** What changes of the engine itself in lines as they are: the engine has written them, each in one line. */
function engineFacts({ changes = [], ...rest }: JsonObject): Fact[] {
  const figures = figuresInWords(rest);
  const lines = Array.isArray(changes) ? changes.filter((line) => typeof line === "string") : [];
  return [
    ...(lines.length === 0 ? [] : [data("Changes", ...lines.map(visible))]),
    ...(figures.length === 0 ? [] : [words("Figures", ...figures.map(visible))]),
    ...argumentFacts("Argument", rest),
  ];
}

function valueLines(value: Json): string[] {
  if (typeof value === "string") return visibleLines(value);
  // A command is read word by word: quoted, so that what is one word looks like one.
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) {
    return value.map((item) => visible(JSON.stringify(item)));
  }
  return visibleLines(JSON.stringify(value, null, 2));
}

/** Looked for in what will run, and not in the agent's words, so that those change no line above them. */
function frozenWarning({ freeze }: ActionView): string[] {
  if (freeze === undefined) return [];
  return [`Frozen until ${freeze.until} (${visible(freeze.name)}): ${visible(freeze.because)}`];
}

function warningsOf({ type, target, args, preconditions, rollbackPlan }: ActionView): string[] {
  const texts = [type, ...textsOf(plainObject(target)), ...textsOf([args, preconditions, rollbackPlan])];
  const warnings: string[] = [];
  if (texts.some(hasHidden)) {
    warnings.push("It holds characters that cannot be seen or that reorder text; they are shown as [U+…].");
  }
  if (texts.some(mixesScripts)) {
    warnings.push("A word mixes alphabets whose letters look alike; it may not say what it seems to.");
  }
  return warnings;
}

function textsOf(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsOf(item)]);
}

/** First of all that is said: whoever looks at it is to know that nobody agreed to it but one. */
function glassWarnings({ breakGlass }: ActionView): string[] {
  if (breakGlass === null) return [];
  const { by, incident, at, reviewDue, overdue, review } = breakGlass;
  const first = `Glass broken: ${visible(by)} approved this alone at ${at}, for ${visible(incident)}, without the people whose seats were open.`;
  if (review !== null) return [first, `${visible(review.by)} found that ${review.verdict} at ${review.at}.`];
  return [
    first,
    overdue
      ? `Its review is overdue since ${reviewDue}.`
      : `Somebody else must review it until ${reviewDue}.`,
  ];
}

function brokenGlass({ breakGlass }: ActionView): Card["breakGlass"] {
  if (breakGlass === null) return null;
  const { incident, reason, review } = breakGlass;
  const shown = { ...breakGlass, incident: visible(incident), reason: visible(reason) };
  return { ...shown, review: review === null ? null : { ...review, note: visible(review.note) } };
}

const sayings: Readonly<Record<ActionView["state"], string>> = {
  pending: "Waiting for a decision",
  approved: "Approved, not yet claimed",
  denied: "Denied",
  cancelled: "Cancelled",
  expired: "Expired",
  executing: "Being executed",
  executed: "Executed",
  failed: "Failed",
  rolling_back: "Being rolled back",
  rolled_back: "Rolled back",
  rollback_failed: "The rollback failed",
};

const details: Readonly<Record<NonNullable<ActionView["detail"]>, string>> = {
  pending: "nobody decided in time",
  approved: "nobody claimed it in time",
  none: "without an effect",
  partial: "with a partial effect",
  unknown: "with an unknown effect",
  requester: "by who asked",
  revoked: "the approval was taken back",
  superseded: "replaced by another request",
  quorum_lost: "somebody who approved it no longer counts",
  drift: "the world has changed",
  policy: "by policy",
};

/** How it stands, in words of ours. */
export function statusOf({ state, detail, breakGlass }: ActionView): string {
  if (state === "approved" && breakGlass !== null) return "Approved by breaking the glass, not yet claimed";
  return detail === null ? sayings[state] : `${sayings[state]}: ${details[detail]}`;
}

function clocksOf({ deadlines }: ActionView): Card["clocks"] {
  const { pending, approval, lease, execution, rollback, review } = deadlines;
  const all = [
    { what: "Expires undecided", at: pending },
    { what: "The approval expires unclaimed", at: approval },
    { what: "The executor's lease ends", at: lease },
    { what: "The execution must have ended", at: execution },
    { what: "The rollback window closes", at: rollback },
    { what: "Breaking the glass must have been reviewed", at: review },
  ];
  return all.flatMap(({ what, at }) => (at === null ? [] : [{ what, at }]));
}

/** The longest text of the agent's that is shown; the payload itself is never cut. */
const maxAgentLines = 60;

function agentSays({ reason, context, erased }: ActionView): string[] {
  // That there was one is all that is left of it, and nothing to read.
  const isForgotten = erased !== undefined && context !== null && Object.keys(context).length === 0;
  const said = [
    ...visibleLines(reason),
    ...(context === null || isForgotten ? [] : visibleLines(JSON.stringify(context, null, 2))),
  ];
  if (said.length <= maxAgentLines) return said;
  return [...said.slice(0, maxAgentLines), `… ${said.length - maxAgentLines} more lines`];
}
