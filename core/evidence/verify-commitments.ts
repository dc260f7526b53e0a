import { Target } from "../../schemas/action.ts";
import { isCommitment, type Commitment, type Opening } from "../../schemas/evidence.ts";
import type { Json, JsonObject } from "../../schemas/json.ts";
import { parseFields } from "../../schemas/parse.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import { canonicalJson } from "../canonical.ts";
import { approvalDigest, digestOf } from "../digest.ts";
import { plainObject } from "../plain-json.ts";
import { opens } from "./commitment.ts";
import { classOf } from "./payload.ts";
import type { Report, Tools } from "./verify-finding.ts";
import { clip, hexOf, type ReadBundle, type ReadEntry } from "./verify-read.ts";

/** What stands in place of a value: where, and which part of the contract says how long the value lives. */
type Committed = { readonly pointer: string; readonly commitment: Commitment; readonly part: string };

/** Which classes the log says were let go of: proven lines only. */
export type Erasures = ReadonlySet<RetentionClass>;

/** Whether what is opened opens, and whether the log knows why anything is not. */
export function checkCommitments(
  read: ReadBundle,
  contract: Contract | null,
  erased: Erasures,
  tools: Tools,
  report: Report,
): void {
  const hex = hexOf(tools);
  const gone = new Map<RetentionClass, number>();
  let opened = 0;
  for (const [index, one] of read.entries.entries()) {
    const where = `entry ${index + 1}`;
    const committed = committedIn(one, index === 0 ? (read.asked?.values ?? {}) : null);
    const known = new Set(committed.map(({ pointer }) => pointer));
    for (const pointer of Object.keys(one.openings)) {
      if (!known.has(pointer)) {
        report.failed("commitments", `It opens ${clip(pointer)}, and nothing is committed to there.`, where);
      }
    }
    for (const { pointer, commitment, part } of committed) {
      const opening = Object.hasOwn(one.openings, pointer) ? one.openings[pointer] : undefined;
      if (opening !== undefined) {
        opened += 1;
        if (opens(commitment, opening, hex)) continue;
        const says = `The value or the salt given for ${clip(pointer)} is not what was committed to.`;
        report.failed("commitments", says, where);
        continue;
      }
      const name = contract === null ? null : classOf(contract, part);
      const explained = name !== null && isExplained(read, erased, name);
      if (explained) gone.set(name, (gone.get(name) ?? 0) + 1);
      else report.failed("commitments", missingText(pointer, name), where);
    }
  }
  checkMembers(read, contract, report);
  checkRequestReason(read, report);
  tellGone(read, erased, gone, report);
  if (read.entries.length > 0) {
    report.conclude("commitments", `${opened} values are given, and each is the one that was committed to.`);
  }
}

function missingText(pointer: string, name: RetentionClass | null): string {
  const life = name === null ? "" : ` (${name})`;
  return `The value of ${clip(pointer)}${life} is missing, and the log does not say that it was let go of.`;
}

function committedIn({ entry }: ReadEntry, values: Readonly<Record<string, Commitment>> | null): Committed[] {
  if (values !== null) {
    return Object.entries(values).map(([pointer, commitment]) => ({ pointer, commitment, part: pointer }));
  }
  const { reason, data } = entry;
  const { evidence } = data;
  return [
    ...(isCommitment(reason) ? [{ pointer: "/reason", commitment: reason, part: "/words" }] : []),
    ...(isCommitment(evidence) ? [{ pointer: "/data/evidence", commitment: evidence, part: "/report" }] : []),
  ];
}

/** A class may have been let go of after the checkpoint was signed: the bundle then says so itself, and proves nothing. */
function isExplained({ bundle }: ReadBundle, erased: Erasures, name: RetentionClass): boolean {
  return erased.has(name) || isLater(bundle, name);
}

export const isLater = ({ erased, log }: ReadBundle["bundle"], name: RetentionClass): boolean =>
  erased.some((one) => one.class === name && one.at > log.checkpoint.at);

function tellGone(
  { bundle }: ReadBundle,
  erased: Erasures,
  gone: ReadonlyMap<RetentionClass, number>,
  report: Report,
): void {
  for (const [name, count] of gone) {
    report.notProven(
      "commitments",
      erased.has(name)
        ? `${count} values of the class ${name} are gone: the log says that they were let go of. Their commitments still stand for them.`
        : `${count} values of the class ${name} are not here: by the bundle's own words they were let go of after its checkpoint. Get the bundle anew to have that proven.`,
    );
  }
  for (const { class: name } of bundle.erased) {
    if (erased.has(name) || isLater(bundle, name)) continue;
    report.failed("commitments", `It says that ${name} was let go of, and the log does not.`);
  }
}

/** A member with a life of its own stands in its object as its commitment. */
function checkMembers({ entries, asked }: ReadBundle, contract: Contract | null, report: Report): void {
  const first = entries[0];
  if (first === undefined || asked === null) return;
  for (const pointer of Object.keys(asked.values)) {
    const [, part = "", member] = pointer.split("/", 3);
    if (member === undefined) continue;
    if (!Object.hasOwn(contract?.retention.fields ?? {}, pointer)) {
      report.failed("commitments", `${clip(pointer)} has no life of its own in the contract.`, "entry 1");
    }
    const whole = first.openings[`/${part}`]?.value;
    if (whole === undefined) continue;
    const stands = isObject(whole) && Object.hasOwn(whole, member) ? whole[member] : undefined;
    if (!isCommitment(stands) || stands.sha256 !== asked.values[pointer]?.sha256) {
      report.failed(
        "commitments",
        `${clip(pointer)} does not stand in /${part} as its commitment.`,
        "entry 1",
      );
    }
  }
}

function checkRequestReason({ entries, asked }: ReadBundle, report: Report): void {
  const reason = entries[0]?.entry.reason;
  if (reason === undefined || asked === null) return;
  if (isCommitment(reason) && reason.sha256 === asked.values["/reason"]?.sha256) return;
  report.failed("commitments", "The reason of the request is not the one among its values.", "entry 1");
}

/** Whether what approvers agreed to is what stands here, part by part. */
export function checkDigest(read: ReadBundle, tools: Tools, report: Report): void {
  const { entries, asked } = read;
  const first = entries[0];
  if (first === undefined || asked === null) return;
  if (first.event.type === "requested" && first.event.data.digest !== asked.digest) {
    report.failed("digest", "The request says two digests.", "entry 1");
  }
  const parts = ["/target", "/args", "/preconditions", "/rollbackPlan"] as const;
  const [target, args, preconditions, rollbackPlan] = parts.map((pointer) => wholeOf(read, pointer));
  const bound = [target, args, preconditions, rollbackPlan];
  if (bound.includes(undefined)) {
    const says = "That this digest is of these values is not proven: values that are in it are gone.";
    report.notProven("digest", says);
    return;
  }
  const aimed = parseFields(Target, target);
  if (
    !aimed.ok ||
    !isOptionalObject(args) ||
    args === null ||
    !isOptionalObject(preconditions) ||
    !isOptionalObject(rollbackPlan)
  ) {
    report.failed(
      "digest",
      "Target, arguments, preconditions or rollback plan are not of the form that a request has.",
    );
    return;
  }
  const { type, contractVersion, requester, notBefore, notAfter } = asked;
  const given = { type, contractVersion, target: aimed.value, args, preconditions, rollbackPlan, requester };
  const digest = approvalDigest({ ...given, notBefore, notAfter }, hexOf(tools));
  if (digest !== asked.digest) {
    report.failed("digest", "The digest that people agreed to is not that of the values here.");
  }
  report.conclude(
    "digest",
    "The digest that people agreed to is that of the target, arguments, preconditions, rollback plan and times shown here.",
  );
}

/** A part with its members in their places; null where it was never given, undefined where it is gone. */
function wholeOf({ entries, asked }: ReadBundle, pointer: string): Json | undefined {
  const openings = entries[0]?.openings ?? {};
  const values = asked?.values ?? {};
  if (!Object.hasOwn(values, pointer)) return null;
  const value = Object.hasOwn(openings, pointer) ? openings[pointer]?.value : undefined;
  if (value === undefined) return undefined;
  const start = `${pointer}/`;
  const members = Object.keys(values).filter((name) => name.startsWith(start));
  if (members.length === 0 || !isObject(value)) return value;
  const given = members.map((name): [string, Opening | undefined] => [
    name.slice(start.length),
    openings[name],
  ]);
  if (given.some(([, opening]) => opening === undefined)) return undefined;
  return { ...value, ...Object.fromEntries(given.map(([name, opening]) => [name, opening?.value ?? null])) };
}

/** Whether the cards given are those whose hashes were written down with the votes. */
export function checkCards({ bundle, entries }: ReadBundle, tools: Tools, report: Report): void {
  let same = 0;
  for (const { seq, card } of bundle.shown) {
    const event = entries[seq - 1]?.event;
    const where = `entry ${seq}`;
    if (event?.type !== "voted" || event.data.shown === undefined) {
      if (event?.type === "voted" && card === null) continue;
      report.failed("cards", "It says what a voter was shown, and the entry says no such thing.", where);
      continue;
    }
    if (card === null) continue;
    same += 1;
    if (digestOf(card, hexOf(tools)) !== event.data.shown.card) {
      report.failed("cards", "This card is not the one that the voter was shown.", where);
    }
  }
  const votes = entries.filter(({ event }) => event.type === "voted").length;
  if (votes === 0) return;
  if (same < votes) {
    const says = `What ${votes - same} of ${votes} voters were shown cannot be made again: it was made by another version, or its values are gone.`;
    report.notProven("cards", says);
  }
  if (same > 0) report.conclude("cards", `The ${same} cards given are those that their voters were shown.`);
}

/** What was taken out before it was stored is written down in the request. */
export function checkRedactions({ bundle, asked, entries }: ReadBundle, report: Report): void {
  if (entries.length === 0) return;
  const said = (asked?.redactions ?? []).map((one) => canonicalJson(plainObject(one)));
  const given = bundle.redactions.map((one) => canonicalJson(plainObject(one)));
  if (said.some((one) => !given.includes(one))) {
    report.failed(
      "commitments",
      "It leaves out what was taken out of the request as a secret before it was stored.",
    );
  }
  const others = given.filter((one) => !said.includes(one)).length;
  if (others === 0) return;
  report.notProven("commitments", `${others} redactions of what was said later are the bundle's own word.`);
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isOptionalObject = (value: Json | undefined): value is JsonObject | null =>
  value !== undefined && (value === null || isObject(value));
