import { isReference } from "./names.ts";
import type { Span } from "./span.ts";

/** Secrets in command lines whose flag says by its program only that a secret follows: `-p` is a password, a port or a path. */

/** What stands after a flag of this program. All are flags as they are written. */
type Program = {
  /** `user:password` is the next word, or stands right after the flag: the password is taken. */
  readonly pairs?: readonly string[];
  /** The next word is the secret, or it stands right after a flag of one dash. */
  readonly values?: readonly string[] | undefined;
  /** It stands right after the flag and nowhere else. */
  readonly attached?: readonly string[];
  /** `pass:SECRET`, as openssl has it. */
  readonly passes?: readonly string[];
  /** `name=value; name=value`. */
  readonly cookies?: readonly string[];
  /** Only where this word is among its arguments. */
  readonly only?: string;
};

const mysql: Program = { attached: ["-p"] };
const mongo: Program = { values: ["-p"] };
const ldap: Program = { values: ["-w"] };
const login: Program = { values: ["-p"], only: "login" };

/** A new program is a new row. */
const programs: Readonly<Record<string, Program>> = {
  curl: { pairs: ["-u", "--user", "-U", "--proxy-user"], cookies: ["-b", "--cookie"] },
  mysql,
  mysqldump: mysql,
  mysqladmin: mysql,
  mysqlimport: mysql,
  mysqlcheck: mysql,
  mysqlsh: mysql,
  mariadb: mysql,
  "mariadb-dump": mysql,
  "mariadb-admin": mysql,
  sshpass: { values: ["-p"] },
  "redis-cli": { values: ["-a", "--pass"] },
  mongo,
  mongosh: mongo,
  mongodump: mongo,
  mongorestore: mongo,
  mongoexport: mongo,
  mongoimport: mongo,
  cqlsh: mongo,
  ldapsearch: ldap,
  ldapmodify: ldap,
  ldapadd: ldap,
  ldapdelete: ldap,
  ldappasswd: ldap,
  docker: login,
  podman: login,
  nerdctl: login,
  buildah: login,
  helm: login,
  az: login,
  skopeo: { pairs: ["--creds", "--src-creds", "--dest-creds"] },
  sqlcmd: { values: ["-P"] },
  bcp: { values: ["-P"] },
  ipmitool: { values: ["-P"] },
  snmpwalk: { values: ["-A", "-X"] },
  snmpget: { values: ["-A", "-X"] },
  zip: { values: ["-P"] },
  unzip: { values: ["-P"] },
  "7z": mysql,
  "7za": mysql,
  openssl: { passes: ["-passin", "-passout", "-pass"], values: ["-k", "-K"] },
};

/** A word of a command line and where it begins: quotes round it are none of it. `glued`: nothing is between it and the one before. */
type Word = { readonly text: string; readonly start: number; readonly glued: boolean };

/** `at` is the index of the word, `from` and `to` what of it is the secret. */
type Found = { readonly at: number; readonly from: number; readonly to: number; readonly kind: string };

type Part = Omit<Found, "at">;

function foundIn(words: readonly Word[]): Found[] {
  const found: Found[] = [];
  let program: Program | null = null;
  let flag = "";
  for (const [at, { text, glued }] of words.entries()) {
    const named = programNamed(text);
    if (named !== null) {
      const { only } = named;
      const isMeant = only === undefined || words.slice(at + 1, at + 16).some((word) => word.text === only);
      program = isMeant ? named : null;
    } else if (program !== null) {
      const { attached = [] } = program;
      const values = glued ? [...(program.values ?? []), ...attached] : program.values;
      const one = afterFlag({ ...program, values }, flag, text) ?? attachedTo(program, text);
      if (one !== null) found.push({ at, ...one });
    }
    flag = text.startsWith("-") ? flagOf(text) : "";
  }
  return found;
}

/** `--user=` before a quote is `--user`. */
const flagOf = (word: string): string => (word.endsWith("=") ? word.slice(0, -1) : word);

/** `-su` ends with the flag that takes the value. */
function afterFlag(program: Program, flag: string, value: string): Part | null {
  if (flag === "") return null;
  const last = /^-[A-Za-z]{2,6}$/u.test(flag) ? `-${flag.slice(-1)}` : flag;
  return secretAfter(program, flag, value, 0) ?? secretAfter(program, last, value, 0);
}

function programNamed(word: string): Program | null {
  const name = word.length <= 256 ? word.slice(word.lastIndexOf("/") + 1) : "";
  return Object.hasOwn(programs, name) ? (programs[name] ?? null) : null;
}

/** Of `value`, which stands at `from` of its word, what is secret after this flag. */
function secretAfter(program: Program, flag: string, value: string, from: number): Part | null {
  const has = (flags: readonly string[] | undefined): boolean => flags?.includes(flag) === true;
  const part = (skip: number, kind: string): Part | null =>
    skip < value.length && !isReference(value.slice(skip))
      ? { from: from + skip, to: from + value.length, kind }
      : null;
  if (has(program.pairs)) return value.indexOf(":") > 0 ? part(value.indexOf(":") + 1, "password") : null;
  if (has(program.passes)) return value.startsWith("pass:") ? part(5, "password") : null;
  if (has(program.cookies)) return /^[\w.-]{1,64}=/u.test(value) ? part(0, "cookie") : null;
  return has(program.values) && !value.startsWith("-") ? part(0, "password") : null;
}

/** `-pSECRET`, `-uUSER:SECRET`, `--user=USER:SECRET`. */
function attachedTo(program: Program, word: string): Part | null {
  const { pairs = [], values = [], attached = [], cookies = [] } = program;
  for (const flag of [...pairs, ...values, ...attached, ...cookies]) {
    const isLong = flag.startsWith("--");
    const start = isLong ? `${flag}=` : flag;
    if (word.length <= start.length || !word.startsWith(start)) continue;
    const value = word.slice(start.length);
    if (!attached.includes(flag)) return secretAfter(program, flag, value, start.length);
    // A port, as another program's flag of this name has it.
    if (/^[0-9]{1,5}(?::[0-9]{1,5})?$/u.test(value) && value.includes(":")) return null;
    return isReference(value) ? null : { from: start.length, to: word.length, kind: "password" };
  }
  return null;
}

/** In the arguments of one command, by their index. */
export function secretArguments(words: readonly string[]): ReadonlyMap<number, Span> {
  if (!words.some((word) => programNamed(word) !== null)) return new Map();
  const found = foundIn(words.map((text) => ({ text, start: 0, glued: false })));
  return new Map(found.map(({ at, from, to, kind }) => [at, { start: from, end: to, kind }]));
}

const named = new RegExp(
  `(?<![\\w.-])(?:${Object.keys(programs)
    .toSorted((a, b) => b.length - a.length)
    .join("|")})(?=[ \\t])`,
  "gu",
);

/** In commands that stand in a text. */
export function commandsIn(text: string): Span[] {
  const spans: Span[] = [];
  let done = 0;
  for (const { index } of text.matchAll(named)) {
    if (index < done) continue;
    const { words, end } = commandAt(text, index);
    done = end;
    for (const { at, from, to, kind } of foundIn(words)) {
      const start = words[at]?.start ?? 0;
      spans.push({ start: start + from, end: start + to, kind });
    }
  }
  return spans;
}

/** The words from here to the end of the command: of its line, which a backslash continues, or to what sets commands apart. */
function commandAt(text: string, from: number): { words: Word[]; end: number } {
  const words: Word[] = [];
  const word = /((?:[ \t]|\\\r?\n|\\(?=["']))*)(?:"([^"\r\n]*)"|'([^'\r\n]*)'|([^\s"';|&<>()`]+))/uy;
  let end = from;
  for (;;) {
    word.lastIndex = end;
    const found = word.exec(text);
    if (found === null) return { words, end: Math.max(end, from + 1) };
    end = word.lastIndex;
    const [, blank = "", double, single, bare] = found;
    const quoted = double ?? single;
    const whole = quoted ?? bare ?? "";
    const start = end - whole.length - (quoted === undefined ? 0 : 1);
    // In JSON that is text in JSON, quotes have a backslash before them.
    words.push({ text: whole.endsWith("\\") ? whole.slice(0, -1) : whole, start, glued: !/\s/u.test(blank) });
  }
}
