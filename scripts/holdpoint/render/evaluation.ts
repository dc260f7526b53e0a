import type { Evaluation } from "../../../client/index.ts";
import { visible } from "../../../core/card/visible.ts";
import type { Paint } from "../terminal.ts";

const label = (name: string): string => `  ${name.padEnd(10)}`;
const more = " ".repeat(12);

/** What a policy says to a request, then every step that led there. */
export function formatEvaluation(evaluation: Evaluation, type: string, paint: Paint): string {
  const { outcome, because, mode, would } = evaluation;
  const watched = would === null ? [] : [`${label("enforced")}${would.outcome}: ${visible(would.because)}`];
  return [
    `${colourOf(outcome, paint)(outcome)}  ${paint.bold(visible(type))}: ${visible(because)}`,
    ...(mode === null ? [] : [`${label("mode")}${mode}${riskText(evaluation)}`]),
    ...watched,
    ...evaluation.errors.map(
      ({ pointer, detail }) => `${label("refused")}${visible(pointer)}: ${visible(detail)}`,
    ),
    ...stops(evaluation),
    ...scope(evaluation),
    ...trace(evaluation, paint),
    ...seats(evaluation, paint),
    ...times(evaluation),
    ...told(evaluation),
  ].join("\n");
}

function colourOf(outcome: Evaluation["outcome"], { green, yellow, red }: Paint): (text: string) => string {
  if (outcome === "allow") return green;
  return outcome === "gate" ? yellow : red;
}

const riskText = ({ risk, level }: Evaluation): string =>
  `, risk ${risk ?? "unknown"}${level === null ? "" : `, guardrail at ${level}`}`;

function stops({ switch: engaged, freeze }: Evaluation): string[] {
  return [
    ...(engaged === null
      ? []
      : [
          `${label("switch")}${visible(engaged.scope)} by ${visible(engaged.by)}: ${visible(engaged.reason)}`,
        ]),
    ...(freeze === null
      ? []
      : [`${label("freeze")}${visible(freeze.name)} until ${freeze.until}: ${visible(freeze.because)}`]),
  ];
}

function scope({ scope: lines }: Evaluation): string[] {
  return lines.map(({ agent, role, covers, detail }) => {
    const by = role === null ? "" : ` by ${visible(role)}`;
    return `${label("scope")}${visible(agent)}${by}: ${covers ? "covered" : visible(detail ?? "not covered")}`;
  });
}

function trace({ trace: lines, sums }: Evaluation, paint: Paint): string[] {
  const entries = lines.map(({ entry, when, then, holds, error, decides }) => {
    const value = error === null ? String(holds) : `error: ${visible(error)}`;
    const text = `${entry + 1}. ${then} when ${when === null ? "anything" : visible(when)} → ${value}`;
    return `${label("entry")}${decides ? paint.bold(`${text}  ← decides`) : text}`;
  });
  return [
    ...entries,
    ...Object.entries(sums).map(([sum, value]) => `${label("sum")}${visible(sum)} = ${value}`),
  ];
}

function seats({ seats: lines, staffed }: Evaluation, paint: Paint): string[] {
  const rows = lines.flatMap(({ seat, n, from, who, excluded }) => [
    `${label("seat")}${visible(seat)} takes ${n} of ${from.map(visible).join(", ")}: ${who.length === 0 ? "nobody" : who.map(visible).join(", ")}`,
    ...excluded.map(({ person, because }) => `${more}not ${visible(person)}: ${visible(because)}`),
  ]);
  const short = lines.length > 0 && !staffed;
  return short ? [...rows, paint.red(`${more}the people there are cannot satisfy this rule`)] : rows;
}

function times({ clocks }: Evaluation): string[] {
  if (clocks === null) return [];
  const parts = Object.entries(clocks).map(
    ([name, value]) => `${name} ${typeof value === "string" ? value : value.join(", ")}`,
  );
  return [`${label("clocks")}${parts.join(" · ")}`];
}

function told({ notify }: Evaluation): string[] {
  return notify
    .filter(({ targets }) => targets.length > 0)
    .map(({ level, targets, sinks }) => {
      const reached = sinks.length === 0 ? "reaches no channel yet" : sinks.map(visible).join(", ");
      return `${label(level === 0 ? "tells" : `level ${level}`)}${targets.map(visible).join(", ")} (${reached})`;
    });
}
