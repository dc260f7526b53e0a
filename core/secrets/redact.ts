import type { Json, JsonObject } from "../../schemas/json.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { Redaction } from "../../schemas/retention.ts";
import { secretArguments } from "./commands.ts";
import { randomIn, toldIn } from "./entropy.ts";
import { emailsIn, formsIn } from "./forms.ts";
import { isSecretData } from "./manifests.ts";
import { fits, isAbout, isPublicName, isReference, secretName } from "./names.ts";
import { cardsIn, codesIn, ibansIn, isCard } from "./numbers.ts";
import { apart, replaced, type Mark, type Span } from "./span.ts";

export type RedactOptions = {
  /** E-mail addresses as well. */
  readonly emails: boolean;
  readonly markOf: Mark;
  /** What others found in the texts of `textsOf`, by their position in that list. */
  readonly found?: ReadonlyMap<number, readonly Span[]>;
};

/** Every text in the value, names of members too, in the order that `redact` meets them. */
export function textsOf(value: Json): string[] {
  const texts: string[] = [];
  const walk = (item: Json): void => {
    if (typeof item === "string") texts.push(item);
    else if (Array.isArray(item)) item.forEach(walk);
    else if (item !== null && typeof item === "object") {
      for (const [name, member] of Object.entries(item)) {
        texts.push(name);
        walk(member);
      }
    }
  };
  walk(value);
  return texts;
}

/** The value with a mark in place of every secret that is recognised, and where they stood. Numbers that were one become text. */
export function redact(
  value: JsonObject,
  options: RedactOptions,
): { value: JsonObject; redactions: Redaction[] } {
  const walk = new Walk(options);
  return { value: walk.members(value, "", null), redactions: walk.redactions };
}

/**
 * Where a value stands. `kind`: which secret its name says that it is. `isPublic`: its name says that it is none, whatever it looks like.
 * `program`: the words that a list under it goes on from. `argument`: what of it is one, by the command line that it is in.
 */
type Place = {
  readonly at: string | null;
  readonly kind: string | null;
  readonly isPublic: boolean;
  readonly program: readonly string[];
  readonly argument?: Span | undefined;
};

const nameless: Place = { at: null, kind: null, isPublic: false, program: [] };
const noArguments: ReadonlyMap<number, Span> = new Map();

/** Parts of names are never taken for words of a text: only what shows by its form is taken out of them. */
class Walk {
  readonly redactions: Redaction[] = [];
  readonly #options: RedactOptions;
  #index = 0;

  constructor(options: RedactOptions) {
    this.#options = options;
  }

  members(value: JsonObject, pointer: string, inherited: string | null): JsonObject {
    const named = pairKind(value);
    const entries = Object.entries(value).map(([name, member]) => {
      const own = secretName(name) ?? (isAbout(name) ? null : inherited);
      const kind = own ?? (isSecretData(value, name) ? "secret" : name === "value" ? named : null);
      const shown = this.#text(name, nameless);
      const at = pointerOf([shown], pointer);
      if (shown !== name) this.#note(at, "name");
      const place = { at, kind, isPublic: isPublicName(name), program: programOf(value, name) };
      return [shown, this.#value(member, place)] as const;
    });
    return Object.fromEntries(entries);
  }

  #value(value: Json, place: Place): Json {
    if (typeof value === "string") return this.#text(value, place);
    if (typeof value === "number") return this.#number(value, place);
    if (Array.isArray(value)) return this.#list(value, place);
    return value !== null && typeof value === "object"
      ? this.members(value, place.at ?? "", place.kind)
      : value;
  }

  /** A list of texts may be a command line. */
  #list(list: readonly Json[], { program, ...place }: Place): Json[] {
    const words = list.filter((item) => typeof item === "string");
    const found = words.length === list.length ? secretArguments([...program, ...words]) : noArguments;
    return list.map((item, index) => {
      const argument = found.get(index + program.length);
      const kind = place.kind ?? flagKind(list[index - 1], item);
      return this.#value(item, { ...place, at: `${place.at}/${index}`, kind, program: [], argument });
    });
  }

  /** Short numbers are switches and counts. */
  #number(value: number, { at, kind }: Place): Json {
    const text = String(value);
    const isLong = text.length >= 4 || kind === "card-code";
    const found = isLong && kind !== null && fits(kind, text) ? kind : isCard(text) ? "payment-card" : null;
    if (found === null || !Number.isInteger(value)) return value;
    this.#note(at ?? "", found);
    return this.#options.markOf(found, text);
  }

  #text(text: string, { at, kind, isPublic, argument }: Place): string {
    const { emails, found, markOf } = this.#options;
    const others = found?.get(this.#index) ?? [];
    this.#index += 1;
    const isWhole = kind !== null && !isReference(text) && fits(kind, text);
    const whole = isWhole ? [{ start: 0, end: text.length, kind }] : [];
    const sure = argument === undefined ? whole : [...whole, argument];
    if (sure.length === 0 && others.length === 0 && isTooShort(text)) return text;
    const spans = apart(text, [
      ...sure,
      ...formsIn(text),
      ...cardsIn(text),
      ...codesIn(text),
      ...ibansIn(text),
      ...(isPublic ? [] : randomIn(text)),
      ...toldIn(text),
      ...others,
      ...(emails ? emailsIn(text) : []),
    ]);
    if (at !== null) for (const one of new Set(spans.map((span) => span.kind))) this.#note(at, one);
    return replaced(text, spans, markOf);
  }

  #note(pointer: string, kind: string): void {
    this.redactions.push({ pointer, kind });
  }
}

/** The least number of digits of a card; whatever else shows by its form is longer. A list of words is looked through at this length. */
const leastShown = 13;

/** Whether a text is neither long enough to be a secret nor says of a part of it that it is one. */
const isTooShort = (text: string): boolean => text.length < leastShown && !/[=:@ ]/u.test(text);

/** `{"name": "DB_PASSWORD", "value": …}`, as environments are written. */
function pairKind(value: JsonObject): string | null {
  const name = value["name"] ?? value["key"];
  return typeof name === "string" && name.length <= 128 ? secretName(name) : null;
}

/** `{"command": "mysql", "args": […]}`: what the list under `name` is told to. */
function programOf(value: JsonObject, name: string): string[] {
  if (!/^(?:args|argv|arguments)$/u.test(name)) return [];
  const program = value["command"] ?? value["cmd"] ?? value["program"] ?? value["executable"];
  if (typeof program === "string") return [program];
  return Array.isArray(program) ? program.filter((word) => typeof word === "string") : [];
}

/** `["--password", "…"]`, as command lines are written. */
function flagKind(before: Json | undefined, item: Json): string | null {
  const isFlag = typeof before === "string" && /^--?[A-Za-z][\w-]{1,63}$/u.test(before);
  return isFlag && typeof item === "string" && !item.startsWith("-") ? secretName(before) : null;
}
