import { parseValues, type Commitment, type Openings } from "../../schemas/evidence.ts";
import type { Json, JsonObject } from "../../schemas/json.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import type { Payload } from "../../schemas/stored.ts";
import type { Sha256Hex } from "../digest.ts";
import { plainObject } from "../plain-json.ts";
import { commit, type NewSalt } from "./commitment.ts";

/**
 * What was asked, cut into what stays and what may have to be forgotten. The chain holds the payload with a commitment in
 * place of every value that has a class; values and salts are kept beside it, by class, so that a class can go as a whole.
 */

/** Commitments by the pointer of what they stand for, such as `/args`. A part that was never given has none. */
export type Commitments = Readonly<Record<string, Commitment>>;
/** What opens them, by class. */
export type OpeningsByClass = Readonly<Partial<Record<RetentionClass, Openings>>>;

/** What is shown where a value is gone. */
export const erasedText = "[erased]";

/** The class of a part: its own where the contract names it, else that of what it belongs to. */
export function classOf(contract: Pick<Payload["contract"], "retention">, pointer: string): RetentionClass {
  const { retention } = contract;
  const { fields = {} } = retention;
  const own = Object.hasOwn(fields, pointer) ? fields[pointer] : undefined;
  if (own !== undefined) return own;
  const [, part = "", member] = pointer.split("/", 3);
  if (member !== undefined) return classOf(contract, `/${part}`);
  return part === "context" ? retention.context : retention.payload;
}

/** Commits to every value of the payload that has a class. Each salt is used once. */
export function commitPayload(
  payload: Payload,
  newSalt: NewSalt,
  sha256Hex: Sha256Hex,
): { commitments: Commitments; openings: OpeningsByClass } {
  const commitments: Record<string, Commitment> = {};
  const openings: Partial<Record<RetentionClass, Openings>> = {};
  const put = (pointer: string, value: Json): Commitment => {
    const opening = { salt: newSalt(), value };
    const commitment = commit(opening, sha256Hex);
    commitments[pointer] = commitment;
    (openings[classOf(payload.contract, pointer)] ??= {})[pointer] = opening;
    return commitment;
  };
  for (const [pointer, value] of Object.entries(valuesOf(payload))) {
    const [, part = ""] = pointer.split("/", 2);
    const members = part === "args" || part === "context" ? membersOf(payload, part) : [];
    put(
      pointer,
      members.length === 0 || !isObject(value) ? value : withCommitted(value, pointer, members, put),
    );
  }
  return { commitments, openings };
}

/** The members of `args` or `context` that the contract gives a class of their own. */
function membersOf({ contract }: Payload, part: "args" | "context"): string[] {
  const start = `/${part}/`;
  return Object.keys(contract.retention.fields ?? {})
    .filter((pointer) => pointer.startsWith(start))
    .map((pointer) => pointer.slice(start.length));
}

function withCommitted(
  value: JsonObject,
  pointer: string,
  members: readonly string[],
  put: (pointer: string, value: Json) => Commitment,
): JsonObject {
  const given = members.filter((name) => Object.hasOwn(value, name));
  const committed = given.map((name) => [name, plainObject(put(`${pointer}/${name}`, value[name] ?? null))]);
  return { ...value, ...Object.fromEntries(committed) };
}

/** Every whole part that was given, by its pointer. */
function valuesOf({
  target,
  args,
  reason,
  context,
  preconditions,
  rollbackPlan,
  callback,
  sums,
  decision,
}: Payload): Record<string, Json> {
  const parts = plainObject({
    "/target": plainObject(target),
    "/args": args,
    "/reason": reason,
    "/context": context ?? undefined,
    "/preconditions": preconditions ?? undefined,
    "/rollbackPlan": rollbackPlan ?? undefined,
    "/callback": callback ?? undefined,
    "/sums": sums,
    "/errors": decision.errors,
  });
  return parts;
}

/** The payload without any of its values: what may be read as long as the evidence is kept. */
export function bareOf(payload: Payload): Payload {
  const { sums: _, decision, ...rest } = payload;
  const { errors: __, ...decided } = decision;
  return {
    ...rest,
    decision: decided,
    target: { resource: erasedText },
    args: {},
    reason: erasedText,
    // That there was one is no secret, and what may still happen to the action hangs on it.
    context: emptied(rest.context),
    preconditions: emptied(rest.preconditions),
    rollbackPlan: emptied(rest.rollbackPlan),
    callback: null,
  };
}

const emptied = (value: JsonObject | null): JsonObject | null => (value === null ? null : {});

/** The payload with those values that can still be opened; see `bareOf` for what stands in place of the others. */
export function withValues(bare: Payload, byClass: OpeningsByClass): Payload {
  const openings: Openings = Object.assign({}, ...retentionClasses.map((name) => byClass[name] ?? {}));
  const opened = (pointer: string): Json | undefined => openings[pointer]?.value;
  const object = (pointer: string): JsonObject | null => {
    const value = opened(pointer);
    if (value === undefined || !isObject(value)) return null;
    const start = `${pointer}/`;
    const own = Object.entries(openings).filter(([path]) => path.startsWith(start));
    const erased = Object.entries(value).filter(([name, item]) => isCommitted(bare, `${start}${name}`, item));
    return {
      ...value,
      ...Object.fromEntries(erased.map(([name]) => [name, erasedText])),
      ...Object.fromEntries(own.map(([path, opening]) => [path.slice(start.length), opening.value])),
    };
  };
  const values = parseValues(Object.fromEntries(Object.keys(openings).map((at) => [at, opened(at)])));
  const { "/sums": sums, "/errors": errors } = values;
  return {
    ...bare,
    target: values["/target"] ?? bare.target,
    args: object("/args") ?? bare.args,
    reason: values["/reason"] ?? bare.reason,
    context: object("/context") ?? bare.context,
    preconditions: object("/preconditions") ?? bare.preconditions,
    rollbackPlan: object("/rollbackPlan") ?? bare.rollbackPlan,
    callback: values["/callback"] ?? null,
    ...(sums !== undefined && { sums }),
    decision: { ...bare.decision, ...(errors !== undefined && { errors }) },
  };
}

/** A member that was given a class of its own, and so stands in its object as a commitment. */
function isCommitted({ contract }: Payload, pointer: string, item: Json): boolean {
  return (
    Object.hasOwn(contract.retention.fields ?? {}, pointer) && isObject(item) && Object.hasOwn(item, "sha256")
  );
}

/** What the first entry of the chain says was asked. */
export function payloadEntry(payload: Payload, commitments: Commitments): JsonObject {
  const { type, contract, contractVersion, policyVersion, digest, requester } = payload;
  const { notBefore, notAfter, supersedes, agent, level, authors, createdAt, redactions } = payload;
  const { errors: _, ...decision } = payload.decision;
  return plainObject({
    type,
    class: contract.class,
    risk: contract.risk,
    contractVersion,
    policyVersion,
    digest,
    requester: plainObject(requester),
    notBefore,
    notAfter,
    supersedes,
    decision: plainObject(decision),
    agent: agent === undefined ? undefined : plainObject(agent),
    level,
    authors,
    redactions: redactions?.map(plainObject),
    createdAt,
    values: plainObject(
      Object.fromEntries(Object.entries(commitments).map(([at, one]) => [at, plainObject(one)])),
    ),
  });
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
