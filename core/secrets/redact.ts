import type { Json, JsonObject } from "../../schemas/json.ts";
import type { Redaction } from "../../schemas/retention.ts";
import { randomIn } from "./entropy.ts";
import { emailsIn, formsIn } from "./forms.ts";
import { isAbout, isReference, secretName } from "./names.ts";
import { cardsIn, ibansIn, isCard } from "./numbers.ts";
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
      const kind = own ?? (name === "value" ? named : null);
      const shown = this.#text(name, null, null);
      const at = `${pointer}/${shown.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      if (shown !== name) this.#note(at, "name");
      return [shown, this.#value(member, at, kind)] as const;
    });
    return Object.fromEntries(entries);
  }

  #value(value: Json, at: string, kind: string | null): Json {
    if (typeof value === "string") return this.#text(value, at, kind);
    if (typeof value === "number") return this.#number(value, at, kind);
    if (Array.isArray(value)) {
      return value.map((item, index) =>
        this.#value(item, `${at}/${index}`, kind ?? flagKind(value[index - 1], item)),
      );
    }
    return value !== null && typeof value === "object" ? this.members(value, at, kind) : value;
  }

  /** Short numbers are switches and counts. */
  #number(value: number, at: string, kind: string | null): Json {
    const text = String(value);
    const found = text.length >= 4 && kind !== null ? kind : isCard(text) ? "payment-card" : null;
    if (found === null || !Number.isInteger(value)) return value;
    this.#note(at, found);
    return this.#options.markOf(found, text);
  }

  #text(text: string, at: string | null, kind: string | null): string {
    const { emails, found, markOf } = this.#options;
    const others = found?.get(this.#index) ?? [];
    this.#index += 1;
    const whole = kind !== null && !isReference(text) ? [{ start: 0, end: text.length, kind }] : [];
    if (whole.length === 0 && others.length === 0 && isTooShort(text)) return text;
    const spans = apart(text, [
      ...whole,
      ...formsIn(text),
      ...cardsIn(text),
      ...ibansIn(text),
      ...randomIn(text),
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

/** `["--password", "…"]`, as command lines are written. */
function flagKind(before: Json | undefined, item: Json): string | null {
  const isFlag = typeof before === "string" && /^--?[A-Za-z][\w-]{1,63}$/u.test(before);
  return isFlag && typeof item === "string" && !item.startsWith("-") ? secretName(before) : null;
}
