import { isReference, secretName } from "./names.ts";
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
  ["model-key", /(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}/gu],
  ["npm-token", /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}/gu],
  ["google-key", /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,}/gu],
  ["google-token", /(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{20,}/gu],
  ["sendgrid-key", /(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/gu],
  ["pypi-token", /(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{40,}/gu],
  ["digitalocean-token", /(?<![A-Za-z0-9])do[opr]_v1_[a-f0-9]{40,}/gu],
  ["vault-token", /(?<![A-Za-z0-9])hv[sb]\.[A-Za-z0-9_-]{20,}/gu],
];

export function formsIn(text: string): Span[] {
  const plain = forms.flatMap(([kind, form]) =>
    [...text.matchAll(form)].map(({ index, 0: { length } }) => ({ start: index, end: index + length, kind })),
  );
  return [...plain, ...privateKeysIn(text), ...inAddresses(text), ...schemesIn(text), ...assignedIn(text)];
}

/** From its first line to its last, or to the end where the last is missing. */
function privateKeysIn(text: string): Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const { index, 0: first } of text.matchAll(
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/gu,
  )) {
    if (index < end) continue;
    const last = text.indexOf("-----END", index + first.length);
    const close = last === -1 ? -1 : text.indexOf("-----", last + 8);
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

const assigned =
  /(?<![A-Za-z0-9_.-])(-{0,2}[A-Za-z][A-Za-z0-9_.-]{2,63})["']?([ ]{0,2}[=:][ ]{0,2}|[ ])(?:(?:bearer|basic|token|digest)[ ]{1,2})?("[^"\r\n]{1,512}"|'[^'\r\n]{1,512}'|[^\s"',;&<>()]{1,2048})/giu;

/** `NAME=value`, `name: value`, `--name value`. After a colon or a blank, where prose goes on too, a word is no value. */
function assignedIn(text: string): Span[] {
  return [...text.matchAll(assigned), ...cookiesIn(text)].flatMap(
    ({ index, 0: whole, 1: name = "", 2: sign = "", 3: given = "" }) => {
      const kind = secretName(name);
      if (kind === null) return [];
      const isQuoted = /^["']/u.test(given);
      const value = isQuoted ? given.slice(1, -1) : given.replace(/[.!?)\]}]+$/u, "");
      const end = index + whole.length - (given.length - value.length) + (isQuoted ? 1 : 0);
      const isFlag = name.startsWith("-");
      if (sign === " " && !isFlag) return [];
      const isSure =
        sign.includes("=") || isQuoted || kind === "cookie" || (isFlag && !value.startsWith("-"));
      if (isReference(value) || !(isSure || (value.length >= 6 && looksMade(value)))) return [];
      return [{ start: end - value.length, end, kind }];
    },
  );
}

const cookiesIn = (text: string): RegExpExecArray[] => [
  ...text.matchAll(/(?<![A-Za-z-])((?:set-)?cookie)([ ]{0,2}:[ ]{0,2})([^\r\n"']{4,4096})/giu),
];

/** Not a word, as people write it: it has a digit, a sign inside, or a capital inside. */
const looksMade = (value: string): boolean => /[0-9]|[^A-Za-z]|[a-z][A-Z]/u.test(value);

/** E-mail addresses: a secret only where a contract says so. */
export function emailsIn(text: string): Span[] {
  const found = text.matchAll(
    /(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/gu,
  );
  return [...found].map(({ index, 0: { length } }) => ({ start: index, end: index + length, kind: "email" }));
}
