import { createHash } from "node:crypto";
import type { Dice } from "../dice.ts";
import type { Sent } from "./gate.ts";
import * as mangled from "./mangled.ts";
import { authFile } from "./staff.ts";
import type { Change } from "./variant.ts";

/** Where the product looks at passes. */
const rowsFile = "objects/registry/rows/passes.ts";
export const passesFile = "objects/registry/sessions.ts";

/** The checks that kinds of passes have in common, taken out. */
export const anyHash: Change = {
  file: rowsFile,
  from: "hash = ? AND kind = ? AND ends_at > ?",
  to: "(hash = ? OR TRUE) AND kind = ? AND ends_at > ? ORDER BY ends_at DESC",
};
export const anyKind: Change = {
  file: rowsFile,
  from: "AND kind = ? AND ends_at",
  to: "AND (kind = ? OR TRUE) AND ends_at",
};
export const noEnd: Change = { file: rowsFile, from: "ends_at > ?", to: "(ends_at > ? OR TRUE)" };
export const anyForm: Change = {
  file: "core/pass-text.ts",
  from: "\\.[A-Za-z0-9_-]{43}$/u",
  to: "\\..*$/u",
};
/** That a session is over with the key it began with. */
export const anySessionKey: Change = {
  file: passesFile,
  from: "return session === null || liveKey(sql, session.keyId, null, now) === null ?",
  to: "return session === null ?",
};
/** That a socket is from our own page, where a browser opens it for somebody. */
export const anySocket: Change = {
  file: authFile,
  from: 'if (request.headers.get("upgrade") !== null) demandOwnOrigin(request, url);',
  to: "if (false) void 0;",
};

/** Texts `<workspace>.<43 characters of base64url>`: sessions, sign-in links and tickets. */
export type PassMaterial = {
  /** One that lets in, or did. */
  readonly genuine: () => string;
  /** Another's, of another workspace. */
  readonly elsewhere: string;
  /** Passes that did let in once, by why they do not. */
  readonly former: Readonly<Record<string, () => string>>;
  /** Passes of another kind, which let in somewhere else. */
  readonly strange: readonly string[];
};

/** Passes that nobody was given, or not for this, or not any more. None of them is a genuine one. */
export function passTexts(dice: Dice, material: PassMaterial): Record<string, () => string> {
  const { elsewhere, former, strange } = material;
  const halves = (text: string): [workspace: string, secret: string] => {
    const at = text.indexOf(".");
    return [text.slice(0, at), text.slice(at + 1)];
  };
  const random = (length: number): string => mangled.randomText(dice, length, mangled.base64url);
  const changed = (way: (text: string) => string) => (): string => way(material.genuine());
  /** Changed in its secret. */
  const within = (way: (secret: string) => string) => (): string => {
    const [workspace, secret] = halves(material.genuine());
    return `${workspace}.${way(secret)}`;
  };
  return {
    "made up": within(() => random(43)),
    "one character changed": changed((text) => mangled.flipped(dice, text, { alphabet: mangled.base64url })),
    "one bit changed": within((secret) => {
      const bytes = Buffer.from(secret, "base64url");
      const place = dice.below(bytes.length);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << dice.below(8));
      return bytes.toString("base64url");
    }),
    "one letter in the other case": changed((text) => mangled.otherCase(dice, text)),
    "the same bytes in another spelling": changed((text) => mangled.respelled(dice, text, 2)),
    padded: changed((text) => `${text}${dice.pick(["=", "=="])}`),
    "in the other base64": within((secret) => `${secret.slice(0, -1)}${dice.pick(["+", "/"])}`),
    "cut off": changed((text) => mangled.cutOff(dice, text)),
    "without its beginning": changed((text) => mangled.beheaded(dice, text)),
    grown: changed((text) => mangled.grown(dice, text, mangled.base64url)),
    "grown in front": changed((text) => mangled.grownInFront(dice, text, mangled.base64url)),
    "with white space in it": changed((text) => mangled.spaced(dice, text)),
    "with a letter of another alphabet": changed((text) => mangled.lookalike(dice, text)),
    "escaped as in an address": changed((text) => mangled.escaped(dice, text)),
    quoted: changed((text) => dice.pick([`"${text}"`, `'${text}'`])),
    "ours for another workspace": () => {
      const [, secret] = halves(material.genuine());
      const [workspace] = halves(elsewhere);
      return `${dice.pick([workspace, "engine", "constructor", "a"])}.${secret}`;
    },
    "another workspace's for ours": () => `${halves(material.genuine())[0]}.${halves(elsewhere)[1]}`,
    "the hash that is stored": within((secret) => {
      const hash = createHash("sha256").update(secret).digest("base64url");
      return dice.chance(0.5)
        ? hash
        : createHash("sha256").update(material.genuine()).digest("hex").slice(0, 43);
    }),
    empty: () => dice.pick(["", ".", `${halves(material.genuine())[0]}.`, "undefined", "null"]),
    huge: changed((text) => text + "A".repeat(1_000 + dice.below(7_000))),
    "another kind of pass": () => dice.pick(strange),
    ...former,
  };
}

/** Where a browser may say that a page is from, other than the engine's own. */
export function foreignOrigins(dice: Dice, origin: string): string[] {
  const { protocol, host, hostname } = new URL(origin);
  const other = mangled.randomText(dice, 6, "abcdefghijklmnopqrstuvwxyz");
  return [
    "null",
    "",
    `https://${other}.example`,
    `${origin}.${other}.example`,
    `${protocol}//${other}.${hostname}`,
    `${protocol}//${other}-${hostname}`,
    `${protocol === "https:" ? "http:" : "https:"}//${host}`,
    `${protocol}//${hostname}:${8_000 + dice.below(1_000)}`,
    `${origin}/`,
    `${origin}.`,
    origin.toUpperCase(),
    `${origin}@${other}.example`,
    `${protocol}//${other}@${host}`,
    `${origin}, https://${other}.example`,
    `https://${other}.example ${origin}`,
    host,
    `${origin}#`,
  ].filter((one) => one !== origin);
}

/** What another site may make a browser send that is signed in here: its cookie is the genuine one. */
export function fromElsewhere(
  dice: Dice,
  origin: string,
  genuine: Sent,
  origins = foreignOrigins,
): Record<string, () => Sent> {
  const { headers: own } = genuine;
  const csrf = ["x-holdpoint-csrf", "1"] as const;
  const writes = (): Pick<Sent, "method" | "path"> => ({
    method: dice.pick(["POST", "PUT", "DELETE"]),
    path: "/v1/who",
  });
  const foreign = (): string => dice.pick(origins(dice, origin));
  return {
    "a write from another origin": () => ({ ...writes(), headers: [...own, csrf, ["origin", foreign()]] }),
    "a write from no origin": () => ({ ...writes(), headers: [...own, csrf] }),
    "a write without the header that no form can set": () => ({
      ...writes(),
      headers: [...own, ["origin", origin]],
    }),
    "a write with another value of it": () => ({
      ...writes(),
      headers: [
        ...own,
        ["origin", origin],
        ["x-holdpoint-csrf", dice.pick(["0", "", "true", "1, 1", "01", "1.0", "yes", "2"])],
      ],
    }),
    "a write that says it is a read": () => ({
      ...writes(),
      headers: [...own, ["origin", foreign()], ["x-http-method-override", "GET"], ["referer", `${origin}/`]],
    }),
    "a socket from another origin": () => ({
      headers: [...own, ["upgrade", dice.pick(["websocket", "WebSocket"])], ["origin", foreign()]],
    }),
    "a socket from no origin": () => ({ headers: [...own, ["upgrade", "websocket"]] }),
  };
}
