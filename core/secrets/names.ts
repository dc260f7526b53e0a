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
};

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

/** Which kind of secret a field of this name holds, or null. */
export function secretName(name: string): string | null {
  const words = wordsOf(name);
  const [last = ""] = words.slice(-1);
  // `PGPASSWORD`, written as one word.
  const [joined = last] = /(?:password|passwd|passphrase|apikey)$/u.exec(last) ?? [];
  const lastTwo = words.slice(-2).join(" ");
  if (friends.has(lastTwo) || friends.has(words.slice(-3).join(" "))) return null;
  return own(endings, lastTwo) ?? own(endings, joined) ?? (words.length > 1 ? own(tails, last) : null);
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
