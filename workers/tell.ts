import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import type { Command } from "../core/machine/command.ts";
import type { LeaseAnswer, Reply } from "../objects/action/messages.ts";
import type { Actor } from "../schemas/event.ts";
import type { Principal } from "../schemas/principal.ts";
import { Redaction } from "../schemas/retention.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { unauthenticated } from "./auth.ts";
import { notFound, ProblemError } from "./http/problem.ts";
import type { Call } from "./http/route.ts";
import { liveFor } from "./live.ts";
import { contractOf, knownFor, type Need } from "./policy-in-force.ts";
import { redactCommand } from "./secrets/redact.ts";
import { actionOf } from "./stubs.ts";

/** The part of a call that a command needs; an item of a batch fills it in for itself. */
export type Sender = Pick<
  Call<unknown>,
  "env" | "url" | "principal" | "snapshot" | "idempotencyKey" | "fingerprint" | "now"
> &
  Partial<Pick<Call<unknown>, "standing">>;

export type Done = Extract<Reply, { kind: "done" }>;
export type Leased = Done & { lease: LeaseAnswer };

/** The authenticated caller as the actor of an event. */
export const actorOf = ({ kind, id }: Principal): Actor => ({ kind, id });

export const actionIdPattern = /^act_[A-Za-z0-9_-]{22}$/u;

/** The id in a path, or the one 404. Ids are ours alone, so anything of another form asks no object. */
export function actionId(params: Readonly<Record<string, string>>): string {
  const { id } = params;
  if (id === undefined || !actionIdPattern.test(id)) throw notFound();
  return id;
}

/**
 * Sends a command to an action and turns its refusals into problems.
 * @param need `votes`: the directory goes along, to judge votes by; `live`: the same, read from the Registry this
 * moment, because what is decided here is whether something runs.
 * @throws ProblemError 404, 403, 409, 422, or 503 where policy or directory cannot be read: nothing changes then.
 */
export async function tell(
  sender: Sender,
  id: string,
  command: Command,
  need: Need | "live" = "nothing",
): Promise<Done> {
  const { env, principal } = sender;
  const snapshot = need === "live" ? await live(sender) : sender.snapshot;
  const wanted = need === "live" ? "votes" : need;
  const told = await withoutSecrets(sender, id, command, snapshot);
  const send = (type?: string): Promise<Reply> =>
    actionOf(env, principal.workspace, id).tell({
      command: told,
      known: {
        ...knownFor(snapshot, principal, wanted, type),
        ...(command.type === "breakGlass" && { links: snapshot.links }),
      },
      key: sender.idempotencyKey,
      fingerprint: `${command.type}:${sender.fingerprint}`,
      origin: sender.url.origin,
      epoch: sender.standing?.epoch ?? null,
    });
  const first = await send();
  return settle(first.kind === "needsContract" ? await send(first.type) : first);
}

/** E-mail addresses go where those of the request went; to know that costs a look at it only where there may be some. */
async function withoutSecrets(
  { env, principal }: Sender,
  id: string,
  command: Command,
  snapshot: Snapshot,
): Promise<Command> {
  const { salt } = snapshot;
  const plain = await redactCommand(command, { salt, emails: false });
  if (!JSON.stringify(command).includes("@")) return plain;
  const text = await actionOf(env, principal.workspace, id).view();
  if (text === null) return plain;
  const { type, redacted = [] } = v.parse(TypeAndRedacted, JSON.parse(text));
  const wanted = contractOf(snapshot, type)?.contract.retention.redact?.emails ?? false;
  const were = redacted.some(
    ({ pointer, kind }) => kind === "email" && pointer.startsWith("/preconditions/"),
  );
  const emails = command.type === "claim" ? were : wanted;
  return emails ? redactCommand(command, { salt, emails }) : plain;
}

const TypeAndRedacted = v.object({ type: v.string(), redacted: v.optional(v.array(Redaction)) });

/**
 * The snapshot as the Registry has it this moment.
 * @throws ProblemError 503 where it cannot be read, 401 where what proved the caller is gone
 */
export async function live({
  env,
  principal,
  now,
}: Pick<Sender, "env" | "principal" | "now">): Promise<Snapshot> {
  let snapshot: Snapshot | null;
  try {
    snapshot = await liveFor(env, principal, now);
  } catch (error) {
    console.error("registry", faultText(error));
    throw unavailable();
  }
  if (snapshot === null) throw unauthenticated();
  return snapshot;
}

/** 503: nothing was changed, and the clocks run on. */
export function unavailable(): ProblemError {
  return new ProblemError(
    "policy_unavailable",
    { detail: "Nothing was changed. Try again shortly; the clocks run on." },
    { "retry-after": "2" },
  );
}

/** A reply that says it was done, or the problem it stands for. */
export function settle(reply: Reply): Done {
  switch (reply.kind) {
    case "done":
      return reply;
    case "absent":
      throw notFound();
    case "needsContract":
      throw unavailable();
    case "refused": {
      const { code, ...parts } = reply.refusal;
      throw new ProblemError(code, { ...parts, ...reply.place }, retryHeaders(parts.until));
    }
  }
}

/** `retry-after` in whole seconds, where the refusal says when its reason ends. */
function retryHeaders(until: string | undefined): Record<string, string> {
  if (until === undefined) return {};
  return { "retry-after": String(Math.max(1, Math.ceil((Date.parse(until) - Date.now()) / 1_000))) };
}
