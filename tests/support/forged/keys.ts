import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Dice } from "../dice.ts";
import type { Sent } from "./gate.ts";
import * as mangled from "./mangled.ts";

/** Keys that are none, or not any more. */
export type KeyMaterial = {
  /** Gets in. */
  readonly genuine: string;
  /** Another principal's of the same workspace, and one of another workspace. Both get in, as who they are. */
  readonly colleague: string;
  readonly elsewhere: string;
  /** Keys that did get in once, by why they do not. */
  readonly former: Readonly<Record<string, readonly string[]>>;
  /** Texts that get in somewhere else: what a sign-in link, a session or a ticket says. */
  readonly strange: readonly string[];
};

/** `workspace`, `id` and `secret` of a key's text. */
function partsOf(key: string): [workspace: string, id: string, secret: string] {
  const [, workspace = "", id = "", rest = ""] = key.split("_");
  return [workspace, id, rest.slice(0, -6)];
}

/** A key's text with a right checksum, which anybody can work out: CRC-32 in base62. */
export function summed(body: string): string {
  let rest = crc32(body);
  let sum = "";
  for (let place = 0; place < 6; place += 1) {
    sum = `${mangled.base62[rest % 62]}${sum}`;
    rest = Math.floor(rest / 62);
  }
  return `${body}${sum}`;
}

const bearing = (text: string): Sent => ({ headers: [["authorization", `Bearer ${text}`]] });

/** Ways in without a key that is in force. */
export function keyAttacks(dice: Dice, material: KeyMaterial): Record<string, () => Sent> {
  const { genuine, colleague, elsewhere, former, strange } = material;
  const [workspace, id, secret] = partsOf(genuine);
  const [, othersId, othersSecret] = partsOf(colleague);
  const [otherWorkspace, idThere, secretThere] = partsOf(elsewhere);
  const key = (parts: readonly [string, string, string]): string => summed(`hp_${parts.join("_")}`);
  const random = (length: number): string => mangled.randomText(dice, length, mangled.base62);
  const changed = (ways: (text: string) => string) => (): Sent => bearing(ways(genuine));
  const hash = createHash("sha256").update(genuine).digest("hex");
  return {
    "a secret that is made up": () => bearing(key([workspace, id, random(30)])),
    "an id that is made up": () => bearing(key([workspace, random(12), secret])),
    "one character of the secret changed": () => bearing(key([workspace, id, mangled.flipped(dice, secret)])),
    "one letter of the secret in the other case": () =>
      bearing(key([workspace, id, mangled.otherCase(dice, secret)])),
    "one character of the id changed": () => bearing(key([workspace, mangled.flipped(dice, id), secret])),
    "any one character changed": changed((text) => mangled.flipped(dice, text)),
    "the checksum changed": changed((text) => mangled.flipped(dice, text, { start: text.length - 6 })),
    "cut off": changed((text) => mangled.cutOff(dice, text)),
    "cut off, with a checksum": () => bearing(summed(mangled.cutOff(dice, genuine.slice(0, -6)))),
    "without its beginning": changed((text) => mangled.beheaded(dice, text)),
    grown: changed((text) => mangled.grown(dice, text)),
    "grown, with a checksum": () => bearing(key([workspace, id, mangled.grown(dice, secret)])),
    "grown in front": changed((text) => mangled.grownInFront(dice, text)),
    "all in one case": changed((text) => (dice.chance(0.5) ? text.toLowerCase() : text.toUpperCase())),
    "with white space in it": changed((text) => mangled.spaced(dice, text)),
    "with a letter of another alphabet": changed((text) => mangled.lookalike(dice, text)),
    "escaped as in an address": changed((text) => mangled.escaped(dice, text)),
    "ours for another workspace": () => bearing(key([otherWorkspace, id, secret])),
    "another workspace's for ours": () => bearing(key([workspace, idThere, secretThere])),
    "a workspace that nobody has": () =>
      bearing(key([dice.pick(["engine", "constructor", "a", `x${random(8).toLowerCase()}`]), id, secret])),
    "another's id with our secret": () => bearing(key([workspace, othersId, secret])),
    "our id with another's secret": () => bearing(key([workspace, id, othersSecret])),
    "the hash that is stored": () =>
      bearing(dice.chance(0.5) ? hash : key([workspace, id, hash.slice(0, 30)])),
    "under another scheme": () => ({
      headers: [
        [
          "authorization",
          dice.pick([genuine, `Basic ${btoa(`:${genuine}`)}`, `Token ${genuine}`, `Bearer${genuine}`]),
        ],
      ],
    }),
    "in another place": () => ({
      headers: [
        [dice.pick(["x-api-key", "api-key", "proxy-authorization", "x-authorization"]), `Bearer ${genuine}`],
      ],
    }),
    "two at once": () => ({
      headers: [
        ["authorization", `Bearer ${key([workspace, id, random(30)])}`],
        ["authorization", `Bearer ${genuine}`],
      ],
    }),
    empty: () => ({
      headers: [["authorization", dice.pick(["", "Bearer", "Bearer ", "hp_", "Bearer hp_"])]],
    }),
    huge: () => bearing(`${genuine}${"0".repeat(1_000 + dice.below(7_000))}`),
    "another kind of secret": () => bearing(dice.pick(strange)),
    ...Object.fromEntries(
      Object.entries(former).map(([why, keys]) => [why, (): Sent => bearing(dice.pick(keys))]),
    ),
  };
}
