/** Names of fields, flags and variables whose value is a secret, whatever it looks like. Tables: a new name is a new row. */

/** Last words of a name that make it one, with the kind of secret that it names. */
const endings: Readonly<Record<string, string>> = {
  password: "password",
  passwords: "password",
  passwd: "password",
  pwd: "password",
  passphrase: "password",
  passcode: "password",
  secret: "secret",
  secrets: "secret",
  token: "token",
  tokens: "token",
  apikey: "api-key",
  apikeys: "api-key",
  "api key": "api-key",
  "api keys": "api-key",
  authorization: "authorization",
  cookie: "cookie",
  cookies: "cookie",
  privatekey: "private-key",
  "private key": "private-key",
  clientsecret: "secret",
  accesskey: "access-key",
  "access key": "access-key",
  secretkey: "secret",
  "secret key": "secret",
  secretaccesskey: "secret",
  "signing key": "secret",
  "encryption key": "secret",
  "master key": "secret",
  "account key": "secret",
  "shared key": "secret",
  connectionstring: "connection-string",
  "connection string": "connection-string",
  credential: "credential",
  credentials: "credential",
  cvv: "card-code",
  cvc: "card-code",
  pin: "pin",
  otp: "one-time-code",
  totp: "one-time-code",
  sessionid: "cookie",
  jsessionid: "cookie",
  phpsessid: "cookie",
  sessid: "cookie",
  "hmac key": "secret",
  "aes key": "secret",
  "seed phrase": "secret",
  "recovery phrase": "secret",
  "recovery code": "secret",
  "recovery codes": "secret",
};

/** What a text says before a secret, as the source of a regular expression. "key" alone names too much else. */
export const secretWords =
  "(?:password|passwd|passphrase|secret|credential|token|pat|bearer|(?:api|access|signing|secret|private|encryption|master)[ -]?key)s?";

/** Kinds that are so short that only their form tells them from anything else that has such a name. */
const formOf: Readonly<Record<string, RegExp>> = {
  "card-code": /^[0-9]{3,4}$/u,
  pin: /^[0-9]{4,12}$/u,
  "one-time-code": /^[0-9 -]{4,12}$|^[A-Z2-7 ]{16,128}=*$/u,
};

/** Whether a value under a name of this kind can be one. */
export const fits = (kind: string, value: string): boolean =>
  !Object.hasOwn(formOf, kind) || formOf[kind]?.test(value) === true;

/** Whether this kind shows by name and form together, so that nothing else has to say that it is meant. */
export const isStrict = (kind: string): boolean => Object.hasOwn(formOf, kind);

/** Endings only of a name of several words: alone they are words of every day. */
const tails: Readonly<Record<string, string>> = { pass: "password", jwt: "token" };

/** Names that end like one and name no secret: places in a list, counts, and what is done to one that has a name. */
const friends = new Set([
  "page token",
  "next token",
  "continue token",
  "continuation token",
  "sync token",
  "cancel token",
  "cancellation token",
  "max tokens",
  "min tokens",
  "input tokens",
  "output tokens",
  "total tokens",
  "prompt tokens",
  "completion tokens",
  "rotate secret",
  "delete secret",
  "list secrets",
  "image pull secrets",
  "pull secrets",
]);

/** Of what stands under such a name, these say which one it is and not what it is. */
const abouts = new Set([
  "name",
  "namespace",
  "id",
  "ref",
  "version",
  "path",
  "kind",
  "type",
  "expires",
  "from",
]);

/** Last words of names whose values look like secrets and are none: ids, digests, and what is public. */
const publics = new Set(
  (
    "id ids ref refs hash hashes digest digests sha sha1 sha256 sha384 sha512 md5 checksum checksums etag commit commits revision rev " +
    "fingerprint fingerprints cursor integrity pubkey cert certificate ca cid uuid guid trace span txid image"
  ).split(" "),
);
const publicPairs = new Set(["public key", "idempotency key", "cache key", "object key", "partition key"]);
/** Ids that open something. */
const openers = new Set(["session id", "secret id"]);

/** Words of a name in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` are the same. */
function wordsOf(name: string): string[] {
  return name
    .slice(-128)
    .replace(/([a-z0-9])([A-Z])/gu, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/gu, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/u)
    .filter((word) => word !== "");
}

/** One of these is in every name above: what has none need not be taken apart. */
const stems =
  /pass|pwd|secret|token|key|auth|cookie|cred|connection|cvv|cvc|pin|otp|sess|jwt|phrase|recovery/iu;

/** Which kind of secret a field of this name holds, or null. */
export function secretName(name: string): string | null {
  if (!stems.test(name)) return null;
  const words = wordsOf(name);
  const [last = ""] = words.slice(-1);
  // `PGPASSWORD`, written as one word.
  const [joined = last] = /(?:password|passwd|passphrase|apikey)$/u.exec(last) ?? [];
  const lastTwo = words.slice(-2).join(" ");
  if (friends.has(lastTwo) || friends.has(words.slice(-3).join(" "))) return null;
  return own(endings, lastTwo) ?? own(endings, joined) ?? (words.length > 1 ? own(tails, last) : null);
}

/** Whether what has this name is public although it may look like a secret. */
export function isPublicName(name: string): boolean {
  const words = wordsOf(name);
  const lastTwo = words.slice(-2).join(" ");
  if (openers.has(lastTwo)) return false;
  return publics.has(words.at(-1) ?? "") || publicPairs.has(lastTwo) || friends.has(lastTwo);
}

const own = (table: Readonly<Record<string, string>>, key: string): string | null =>
  Object.hasOwn(table, key) ? (table[key] ?? null) : null;

/** Whether a field says which secret is meant, where the object that it is in has a secret's name. */
export const isAbout = (name: string): boolean => abouts.has(wordsOf(name).at(-1) ?? "");

const reference =
  /^(?:\$\{?[A-Za-z_][\w.]{0,127}\}?|\$\([^()]{1,128}\)|\{\{[^{}]{1,128}\}\}|<[^<>]{1,64}>|\*+|x+|true|false|null|none|undefined|yes|no|op:\/\/\S{1,256}|env:[A-Za-z_]\w{0,127}|vault:[\w./-]{1,256}|arn:aws[\w-]{0,16}:(?:secretsmanager|ssm):\S{1,256}|(?:whs|whe|act|hold)_[\w-]{1,64}|sha(?:256|512):[0-9a-f]{64,128}|\[redacted [a-z0-9-]{1,64} [0-9a-f]{8}\])$/iu;

/** A value that only says where the secret is, or that there is none. */
export const isReference = (value: string): boolean =>
  value.length === 0 || (value.length <= 320 && reference.test(value));
