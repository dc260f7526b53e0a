import { keyTextOf } from "../../core/key-text.ts";
import type { JsonObject } from "../../schemas/json.ts";
import { Dice } from "./dice.ts";
import { capital, card, closed, digits, drawn, hex, lot, small, until } from "./drawn.ts";
import { told } from "./secrets-told.ts";

/** Secrets of many kinds, drawn with a seed: none of them has ever opened anything. */

const bytes = (dice: Dice, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => dice.below(256)));

const wrapped = (text: string): string => text.replaceAll(/.{64}/gu, "$&\n");
const armor = (kind: string, body: Buffer): string =>
  `-----BEGIN ${kind}-----\n${wrapped(body.toString("base64"))}\n-----END ${kind}-----`;

function iban(dice: Dice): string {
  const [country, length] = dice.pick([
    ["DE", 22],
    ["NL", 18],
    ["FR", 27],
    ["GB", 22],
    ["ES", 24],
  ] as const);
  const bank = country === "GB" || country === "NL" ? drawn(dice, 4, capital) : "";
  const account = bank + drawn(dice, length - 4 - bank.length, digits);
  const value = (text: string): string => text.replaceAll(/./gu, (one) => String(Number.parseInt(one, 36)));
  const check = 98n - (BigInt(value(`${account}${country}00`)) % 97n);
  return `${country}${String(check).padStart(2, "0")}${account}`;
}

const jwt = (dice: Dice): string =>
  [
    { alg: "HS256", typ: "JWT" },
    { sub: drawn(dice, 8), iat: dice.below(2_000_000_000) },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .concat(closed(dice, 43))
    .join(".");

/** A kind of secret that shows by its own form, wherever it stands. */
export const shaped: Readonly<Record<string, (dice: Dice) => string>> = {
  "AWS access key id": (dice) => `${dice.pick(["AKIA", "ASIA"])}${drawn(dice, 16, `${capital}234567`)}`,
  "GitHub personal token": (dice) => `${dice.pick(["ghp", "gho", "ghu", "ghs"])}_${drawn(dice, 36)}`,
  "GitHub fine-grained token": (dice) => `github_pat_${drawn(dice, 22)}_${drawn(dice, 59)}`,
  "GitLab token": (dice) => `glpat-${closed(dice, 20)}`,
  "Slack bot token": (dice) =>
    `xoxb-${drawn(dice, 12, digits)}-${drawn(dice, 12, digits)}-${drawn(dice, 24)}`,
  "Slack webhook": (dice) =>
    `https://hooks.slack.com/services/T${drawn(dice, 8, capital)}/B${drawn(dice, 8, capital)}/${drawn(dice, 24)}`,
  "npm token": (dice) => `npm_${drawn(dice, 36)}`,
  "PyPI token": (dice) => `pypi-AgEIcHlwaS5vcmc${closed(dice, 80)}`,
  "OpenAI key": (dice) =>
    until(
      () => `sk-proj-${closed(dice, 48)}`,
      (key) => /[0-9]/u.test(key) && /[A-Z]/u.test(key),
    ),
  "key of a small model host": (dice) =>
    until(
      () => `sk-${drawn(dice, 32, hex)}`,
      (key) => /[0-9]/u.test(key),
    ),
  "Anthropic key": (dice) => `sk-ant-api03-${closed(dice, 93)}AA`,
  "Hugging Face token": (dice) => `hf_${drawn(dice, 34, small + capital)}`,
  "Stripe key": (dice) => `${dice.pick(["sk", "rk"])}_live_${drawn(dice, 24)}`,
  "SendGrid key": (dice) => `SG.${closed(dice, 22)}.${closed(dice, 43)}`,
  "Google API key": (dice) => `AIza${closed(dice, 35)}`,
  "Google OAuth token": (dice) => `ya29.${closed(dice, 60)}`,
  "Vault token": (dice) => `hvs.${closed(dice, 95)}`,
  "DigitalOcean token": (dice) => `dop_v1_${drawn(dice, 64, hex)}`,
  "Shopify token": (dice) => `shpat_${drawn(dice, 32, hex)}`,
  "Docker token": (dice) => `dckr_pat_${closed(dice, 27)}`,
  "Databricks token": (dice) => `dapi${drawn(dice, 32, hex)}`,
  "Grafana token": (dice) => `glsa_${drawn(dice, 32)}_${drawn(dice, 8, hex)}`,
  "Linear key": (dice) => `lin_api_${drawn(dice, 40)}`,
  "Tailscale key": (dice) => `tskey-auth-${drawn(dice, 16)}-${drawn(dice, 32)}`,
  "Cloudflare token": (dice) => `cfut_${drawn(dice, 40)}${drawn(dice, 8, hex)}`,
  "RSA private key": (dice) => armor("RSA PRIVATE KEY", bytes(dice, 160)),
  "OpenSSH private key": (dice) => armor("OPENSSH PRIVATE KEY", bytes(dice, 200)),
  "PKCS #8 private key": (dice) => armor("PRIVATE KEY", bytes(dice, 120)),
  "JSON Web Token": jwt,
  "key of this engine": (dice) => keyTextOf("default", bytes(dice, 84))?.key ?? "",
  "webhook signing secret": (dice) => `whsec_${bytes(dice, 32).toString("base64")}`,
  "base62 drawn by lot": (dice) => lot(() => drawn(dice, 32 + dice.below(24))),
  "base64 drawn by lot": (dice) => lot(() => bytes(dice, 30 + dice.below(18)).toString("base64")),
  "base64url drawn by lot": (dice) => lot(() => closed(dice, 40 + dice.below(8))),
  "base62 of 24 letters": (dice) => lot(() => drawn(dice, 24)),
  "base36 drawn by lot": (dice) => lot(() => drawn(dice, 40, digits + small)),
  "base32 drawn by lot": (dice) => lot(() => drawn(dice, 40, `${capital}234567`)),
  "letters drawn by lot": (dice) => lot(() => drawn(dice, 42, small + capital)),
  "hexadecimal of 24 bytes": (dice) => lot(() => drawn(dice, 48, hex)),
  "card, bare": (dice) => card(dice, dice.pick(["4", "51", "55", "2221", "6011"]), 16),
  "card, in groups": (dice) => card(dice, dice.pick(["4", "52"]), 16).replaceAll(/(.{4})(?=.)/gu, "$1 "),
  "card of 15 digits": (dice) => card(dice, dice.pick(["34", "37"]), 15),
  "IBAN, bare": iban,
  "IBAN, in groups": (dice) => iban(dice).replaceAll(/(.{4})(?=.)/gu, "$1 "),
};

export type Plant = { readonly kind: string; readonly whole: JsonObject; readonly secret: string };

/** Where a secret that shows by its form is put. */
const places: readonly ((text: string) => JsonObject)[] = [
  (text) => ({ note: text }),
  (text) => ({ deep: { list: [1, { item: text }] } }),
  (text) => ({ reason: `please use ${text} for it` }),
  (text) => ({ argv: ["deploy", text] }),
  (text) => ({ log: `"${text}"` }),
  (text) => ({ said: `was (${text}), sorry` }),
  (text) => ({ first: `${text}\nand then more` }),
];

/** `each` plants of every kind. */
export function plantsOf(seed: number, each: number): Plant[] {
  const dice = new Dice(seed);
  const byForm = Object.entries(shaped).flatMap(([kind, make]) =>
    Array.from({ length: each }, (_, at): Plant => {
      const secret = make(dice);
      const place = places[at % places.length]!;
      return { kind, secret, whole: place(secret) };
    }),
  );
  const byPlace = Object.entries(told).flatMap(([kind, make]) =>
    Array.from({ length: each }, (): Plant => ({ kind, ...make(dice) })),
  );
  return [...byForm, ...byPlace];
}

/**
 * What of a plant would give it away: the secret as it is, and without the breaks and blanks that it is written with. The digits of a mark
 * are no leak of a number that happens to be among them.
 */
export function isLeaked({ secret }: Plant, text: string): boolean {
  const rest = text.replaceAll(/\[redacted [a-z0-9-]+ [0-9a-f]{8}\]/gu, "");
  const bare = secret.replaceAll(/-----[A-Z0-9 ]+-----|\s/gu, "");
  return [secret, JSON.stringify(secret).slice(1, -1), bare].some((form) => rest.includes(form));
}
