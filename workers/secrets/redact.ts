import { createHmac } from "node:crypto";
import type { Command } from "../../core/machine/command.ts";
import { plainObject } from "../../core/plain-json.ts";
import { redact, textsOf } from "../../core/secrets/redact.ts";
import type { Mark } from "../../core/secrets/span.ts";
import { withWords, wordsIn } from "../../core/secrets/words.ts";
import type { ActionRequest } from "../../schemas/action.ts";
import type { Json, JsonObject } from "../../schemas/json.ts";
import type { Redaction } from "../../schemas/retention.ts";
import { knownIn } from "./rules.ts";

/** `salt` is the workspace's: the same secret gets the same mark in it, and another one elsewhere. */
export type Redacting = { readonly salt: string; readonly emails: boolean };

const markUnder = (salt: string): Mark => {
  const marks = new Map<string, string>();
  return (kind, secret) => {
    const key = `${kind}\n${secret}`;
    const mark =
      marks.get(key) ??
      `[redacted ${kind} ${createHmac("sha256", salt).update(`redaction\n${secret}`).digest("hex").slice(0, 8)}]`;
    marks.set(key, mark);
    return mark;
  };
};

async function redacted(parts: JsonObject, { salt, emails }: Redacting) {
  return redact(parts, { emails, markOf: markUnder(salt), found: await knownIn(textsOf(parts)) });
}

const objectOr = <Other>(value: JsonObject[string] | undefined, other: Other): JsonObject | Other =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : other;
const textOr = <Other>(value: JsonObject[string] | undefined, other: Other): string | Other =>
  typeof value === "string" ? value : other;

/** An address may hold a password, and whatever is aimed at is shown and told to everybody. */
function targetOr(
  value: JsonObject[string] | undefined,
  target: ActionRequest["target"],
): ActionRequest["target"] {
  const shown: JsonObject = objectOr(value, {});
  const { resource, segment, environment, tool } = target;
  return {
    resource: textOr(shown["resource"], resource),
    ...(segment !== undefined && { segment: textOr(shown["segment"], segment) }),
    ...(environment !== undefined && { environment: textOr(shown["environment"], environment) }),
    ...(tool !== undefined && { tool: textOr(shown["tool"], tool) }),
  };
}

/** What was asked without its secrets, and where they stood. */
export async function redactRequest(
  request: ActionRequest,
  how: Redacting,
): Promise<{ request: ActionRequest; redactions: Redaction[] }> {
  const { target, args, reason, context, preconditions, rollbackPlan } = request;
  const parts = { target: plainObject(target), args, reason, context, preconditions, rollbackPlan };
  const { value, redactions } = await redacted(parts, how);
  return {
    request: {
      ...request,
      target: targetOr(value["target"], target),
      args: objectOr(value["args"], args),
      reason: textOr(value["reason"], reason),
      context: objectOr(value["context"], null),
      preconditions: objectOr(value["preconditions"], null),
      rollbackPlan: objectOr(value["rollbackPlan"], null),
    },
    redactions,
  };
}

/** A body without the secrets in its members of these names, wherever they stand. */
export async function redactWords(body: Json, names: readonly string[], how: Redacting): Promise<Json> {
  const words = wordsIn(body, names);
  if (words.length === 0) return body;
  const { value, redactions } = await redacted({ words }, how);
  const kept = value["words"];
  if (redactions.length === 0 || !Array.isArray(kept)) return body;
  return withWords(
    body,
    names,
    kept.map((one) => objectOr(one, {})),
  );
}

/** The command without the secrets in what somebody wrote. What is observed at a claim is compared with what was stored: alike. */
export async function redactCommand(command: Command, how: Redacting): Promise<Command> {
  switch (command.type) {
    case "vote":
    case "cancel":
    case "revoke":
    case "rollback": {
      if (command.reason === null) return command;
      const { value } = await redacted({ reason: command.reason }, how);
      return { ...command, reason: textOr(value["reason"], "") };
    }
    case "breakGlass": {
      const { reason, incident } = command;
      const { value } = await redacted({ reason, incident }, how);
      return { ...command, reason: textOr(value["reason"], ""), incident: textOr(value["incident"], "") };
    }
    case "review": {
      const { value } = await redacted({ note: command.note }, how);
      return { ...command, note: textOr(value["note"], "") };
    }
    case "feedback": {
      const { note, incident } = command;
      if (note === null && incident === null) return command;
      const { value } = await redacted({ note, incident }, how);
      return { ...command, note: textOr(value["note"], null), incident: textOr(value["incident"], null) };
    }
    case "report": {
      const { summary, evidence } = command;
      const { value } = await redacted({ summary, evidence }, how);
      return {
        ...command,
        summary: textOr(value["summary"], ""),
        evidence: objectOr(value["evidence"], null),
      };
    }
    case "claim": {
      const { preconditions } = command;
      if (preconditions === null) return command;
      const { value } = await redacted({ preconditions }, how);
      return { ...command, preconditions: objectOr(value["preconditions"], null) };
    }
    default:
      return command;
  }
}
