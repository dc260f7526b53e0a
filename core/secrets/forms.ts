import { commandsIn } from "./commands.ts";
import { isTold } from "./entropy.ts";
import { manifestsIn } from "./manifests.ts";
import { fits, isReference, isStrict, secretName } from "./names.ts";
import type { Span } from "./span.ts";

/**
 * Secrets that show by their form, in any text. Every pattern starts only where its first character may not be the middle of
 * another match, and every repetition in it is of one class: so that no text takes longer than its length.
 */
const forms: readonly (readonly [kind: string, form: RegExp])[] = [
  ["holdpoint-key", /(?<![A-Za-z0-9])hp_[A-Za-z0-9_-]{16,}/gu],
  ["signing-secret", /(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=_-]{16,}/gu],
  ["jwt", /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/gu],
  ["aws-access-key", /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/gu],
  ["github-token", /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/gu],
  ["gitlab-token", /(?<![A-Za-z0-9])gl(?:pat|ptt|dt|rt)-[A-Za-z0-9_-]{20,}/gu],
  ["slack-token", /(?<![A-Za-z0-9])(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}/gu],
  ["slack-webhook", /https:\/\/hooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9/_-]{20,}/gu],
  ["stripe-key", /(?<![A-Za-z0-9])[sr]k_(?:live|test)_[A-Za-z0-9]{16,}/gu],
  // With a digit, and a capital or sixteen signs in one go: a name in small letters that begins so is none.
  [
    "model-key",
    /(?<![A-Za-z0-9])sk-(?=[A-Za-z0-9_-]{20})(?=[A-Za-z_-]{0,64}[0-9])(?=[a-z0-9_-]{0,64}[A-Z]|[a-z0-9_-]{0,64}?[a-z0-9]{16})[A-Za-z0-9_-]{20,}/gu,
  ],
  ["npm-token", /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}/gu],
  ["google-key", /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,}/gu],
  ["google-token", /(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{20,}/gu],
  ["sendgrid-key", /(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/gu],
  ["pypi-token", /(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{40,}/gu],
  ["digitalocean-token", /(?<![A-Za-z0-9])do[opr]_v1_[a-f0-9]{40,}/gu],
  ["vault-token", /(?<![A-Za-z0-9])hv[sb]\.[A-Za-z0-9_-]{20,}/gu],
];

/** How they begin: most texts have none of it. */
const beginning =
  /hp_|whsec_|eyJ|AKIA|ASIA|gh[pousr]_|github_pat_|gl[pdr]|xox|xapp|hooks\.slack|[sr]k[_-]|npm_|AIza|ya29|SG\.|pypi-|do[opr]_v1|hv[sb]\./u;

export function formsIn(text: string): Span[] {
  const plain = (beginning.test(text) ? forms : []).flatMap(([kind, form]) =>
    [...text.matchAll(form)].map(({ index, 0: { length } }) => ({ start: index, end: index + length, kind })),
  );
  return [
    ...plain,
    ...(text.includes("-----BEGIN ") ? privateKeysIn(text) : []),
    ...(text.includes("://") ? inAddresses(text) : []),
    ...(/[=:]|--/u.test(text) ? [...signaturesIn(text), ...assignedIn(text), ...cookiesIn(text)] : []),
    ...schemesIn(text),
    ...(text.includes("</") ? elementsIn(text) : []),
    ...commandsIn(text),
    ...manifestsIn(text),
  ];
}

/** From its first line to its last, or to the end where the last is missing and something of a key follows. */
function privateKeysIn(text: string): Span[] {
  const spans: Span[] = [];
  let end = 0;
  let hasLast = true;
  for (const { index, 0: first } of text.matchAll(
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/gu,
  )) {
    if (index < end) continue;
    const after = index + first.length;
    const last: number = hasLast ? text.indexOf("-----END", after) : -1;
    hasLast = last !== -1;
    const close = last === -1 ? -1 : text.indexOf("-----", last + 8);
    if (close === -1 && !/[A-Za-z0-9+/]{16}/u.test(text.slice(after, after + 256))) continue;
    end = close === -1 ? text.length : close + 5;
    spans.push({ start: index, end, kind: "private-key" });
  }
  return spans;
}

/** `scheme://user:password@host`. */
function inAddresses(text: string): Span[] {
  const found = text.matchAll(/:\/\/[^\s/:@"'<>]{0,128}:([^\s/@"'<>]{1,256})@/gu);
  return [...found].flatMap(({ index, 0: whole, 1: password = "" }): Span[] => {
    const end = index + whole.length - 1;
    return isReference(password) ? [] : [{ start: end - password.length, end, kind: "password" }];
  });
}

/** What makes an address a key: whoever has it may do what it says. A code or a key only where it looks like one. */
function signaturesIn(text: string): Span[] {
  const found = text.matchAll(
    /[?&;#](?:(sig|signature|x-(?:amz|goog|oss)-signature|x-amz-security-token)|code|key|auth|sid|ticket)=([A-Za-z0-9%+/_.~=-]{16,1024})/giu,
  );
  return [...found].flatMap(({ index, 0: whole, 1: name, 2: value = "" }): Span[] => {
    const end = index + whole.length;
    const isOne = (name !== undefined || isTold(value)) && !isReference(value);
    return isOne ? [{ start: end - value.length, end, kind: "signed-address" }] : [];
  });
}

/** What a header says after the name of its scheme. */
function schemesIn(text: string): Span[] {
  const found = text.matchAll(/(?<![A-Za-z])(?:bearer|basic)[ ]{1,3}([A-Za-z0-9._~+/=-]{8,})/giu);
  return [...found].flatMap(({ index, 0: whole, 1: value = "" }): Span[] => {
    const end = index + whole.length;
    return looksMade(value) && value.length >= 8
      ? [{ start: end - value.length, end, kind: "authorization" }]
      : [];
  });
}

/** A name and what sets its value apart from it. The backslashes are of JSON that is text in JSON. */
const names =
  /(?<![A-Za-z0-9_.-])(?:(-{0,2}[A-Za-z][A-Za-z0-9_.-]{2,63})\\{0,3}["']?([ ]{0,2}(?:={1,3}>?|:=?)[ ]{0,2})|(-{1,2}[A-Za-z][A-Za-z0-9_.-]{2,63})([ ])(?!-))/gu;

const values =
  /\\{0,3}(?:(?:bearer|basic|token|digest)[ ]{1,2})?("[^"\r\n]{1,512}"|'[^'\r\n]{1,512}'|[^\s"',;&<>()]{1,2048})/iuy;

/** `NAME=value`, `name: value`, `--name value`. */
function assignedIn(text: string): Span[] {
  const spans: Span[] = [];
  let done = 0;
  for (const { index, 0: whole, 1: named, 2: sign = "", 3: flag = "" } of text.matchAll(names)) {
    const name = named ?? flag;
    const kind = index < done ? null : secretName(name);
    if (kind === null) continue;
    values.lastIndex = index + whole.length;
    const given = values.exec(text)?.[1] ?? "";
    const isQuoted = /^["']/u.test(given);
    const value = isQuoted ? cut(given.slice(1, -1), "\\") : cut(given, ".!?)]}\\");
    if (isReference(value) || !fits(kind, value)) continue;
    const start = values.lastIndex - given.length + (isQuoted ? 1 : 0);
    const end = start + value.length;
    const how = { isFlag: name.startsWith("-"), isQuoted, sign: sign.trim(), value };
    const isSure = isStrict(kind) || isValue(how);
    if (!isSure && !(how.sign === ":" && isLine(text, index, end, value))) continue;
    spans.push({ start, end, kind });
    done = end;
  }
  return spans;
}

type How = { isFlag: boolean; isQuoted: boolean; sign: string; value: string };

/** After a colon or a blank, where prose goes on too, a word is no value; and after two equal signs another name may stand. */
function isValue({ isFlag, isQuoted, sign, value }: How): boolean {
  if (sign === "" || isQuoted || sign === "=" || sign === ":=") return true;
  if (isFlag && !value.startsWith("-")) return true;
  return sign === ":" && value.length >= 6 && looksMade(value);
}

/** What is said of a secret that is not shown. */
const states =
  /^(?:required|optional|missing|invalid|expired|changed|unchanged|reset|unset|empty|hidden|unknown|enabled|disabled|ok|set|new|old|same|default)$/iu;

/** Whether it is a line of its own in a text of several, as in a file: there a word is a value too. */
function isLine(text: string, start: number, end: number, value: string): boolean {
  const from = Math.max(0, start - 64);
  const isFirst =
    /(?:^|\n)[ \t-]*$/u.test(text.slice(from, start)) && (from === 0 || /\n/u.test(text.slice(from, start)));
  const isLast = end === text.length || /^[ \t]{0,8}\r?\n/u.test(text.slice(end, end + 10));
  return isFirst && isLast && text.includes("\n") && !states.test(value);
}

/** `<password>…</password>`. */
function elementsIn(text: string): Span[] {
  const found = text.matchAll(/<([A-Za-z][A-Za-z0-9_.:-]{2,63})>([^<>\r\n]{1,512})<\//gu);
  return [...found].flatMap(({ index, 0: whole, 1: name = "", 2: value = "" }): Span[] => {
    const kind = secretName(name);
    if (kind === null || isReference(value) || !fits(kind, value)) return [];
    const end = index + whole.length - 2;
    return [{ start: end - value.length, end, kind }];
  });
}

/** Without these signs at its end. */
function cut(text: string, signs: string): string {
  let end = text.length;
  while (end > 0 && signs.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** To the end of the line or to a quote: one header has many. */
function cookiesIn(text: string): Span[] {
  const found = text.matchAll(
    /(?<![A-Za-z-])(?:set-)?cookie[ ]{0,2}:[ ]{0,2}([\w.-]{1,64}=[^\r\n"']{1,4096})/giu,
  );
  return [...found].map(({ index, 0: whole, 1: value = "" }) => {
    const end = index + whole.length;
    return { start: end - value.length, end, kind: "cookie" };
  });
}

/** Not a word, as people write it: it has a digit, a sign inside, or a capital inside. */
const looksMade = (value: string): boolean => /[0-9]|[^A-Za-z]|[a-z][A-Z]/u.test(value);

/** E-mail addresses: a secret only where a contract says so. */
export function emailsIn(text: string): Span[] {
  const found = text.matchAll(
    /(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/gu,
  );
  return [...found].map(({ index, 0: { length } }) => ({ start: index, end: index + length, kind: "email" }));
}
