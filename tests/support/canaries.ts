import type { JsonObject } from "../../schemas/json.ts";
import { Dice } from "./dice.ts";
import { drawn, small } from "./drawn.ts";
import { partsOf, type Sought } from "./scan.ts";
import { told } from "./secrets-told.ts";
import { shaped } from "./secrets.ts";

/** Secrets that are planted to be looked for: none is anywhere but where somebody has put it. */

/** A secret, whole as it is put into an object, and as it stands in a text; null where a text would not say that it is one. */
type Made = { readonly secret: string; readonly whole: JsonObject; readonly text: string | null };
export type Canary = Sought & { readonly kind: string; readonly place: string };

/** What says of itself, in the middle of any text, that a part of it is a secret. */
const sentences = new Set([
  "assignment in a text",
  "address with a password",
  "connection string",
  "AWS secret key",
  "last of many in prose",
]);

const letters = (dice: Dice, length: number): string => drawn(dice, length, small);
const email = (dice: Dice): string =>
  `${dice.pick(["ada", "grace", "alan"])}.${letters(dice, 12)}@example.org`;

/** Every kind there is, with a maker of its own. */
function makers(emails: boolean): Map<string, (dice: Dice) => Made> {
  const all = new Map<string, (dice: Dice) => Made>();
  for (const [kind, make] of Object.entries(shaped)) {
    all.set(kind, (dice) => {
      const secret = make(dice);
      return { secret, whole: { note: `please use ${secret} for it` }, text: secret };
    });
  }
  for (const [kind, make] of Object.entries(told)) {
    all.set(kind, (dice) => {
      const { whole, secret } = make(dice);
      const [only] = Object.values(whole);
      return { secret, whole, text: sentences.has(kind) && typeof only === "string" ? only : null };
    });
  }
  if (emails) {
    all.set("e-mail address", (dice) => {
      const secret = email(dice);
      return { secret, whole: { from: secret }, text: secret };
    });
  }
  return all;
}

/** Whether it is anywhere only where it was put: eight digits are a part of some time or other, and words of a language of anything. */
const isRare = ({ secret }: Made): boolean => secret.length >= 10 && !/^(?:\d{0,12}|[a-z]*)$/u.test(secret);

/** What of a secret is looked for: its parts, and those without the armor and the blanks that it is written with. */
function soughtOf(secret: string, other: string): string[] {
  const body = secret.replaceAll(/-----[A-Z0-9 ]+-----/gu, "").trim();
  const bare = body.replaceAll(/\s/gu, "");
  const parts = new Set([...partsOf(body), ...partsOf(bare)]);
  // What each of its kind has in it is no secret.
  const common = other.replaceAll(/\s/gu, "");
  return [...parts].filter((part) => !common.includes(part.replaceAll(/\s/gu, "")));
}

/** Words that are nowhere else, and that nobody takes for a secret. */
const wordsOf = (dice: Dice): string => `${dice.pick(["quiet", "patient", "early"])} ${letters(dice, 14)}`;

/** A value that is looked for, and where it was put. */
export type Value = Sought & { readonly place: string };

/** Plants words that are no secrets, each once: what is not redacted, and is to be gone once it is let go of. */
export class Values {
  readonly planted: Value[] = [];
  readonly #dice: Dice;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  text(place: string): string {
    const words = wordsOf(this.#dice);
    this.planted.push({ name: place, place, parts: [words] });
    return words;
  }

  object(place: string): JsonObject {
    return { note: this.text(place), deep: [{ [letters(this.#dice, 4)]: this.text(`${place}, deep`) }] };
  }
}

/** Plants secrets, of every kind in turn, and keeps count of what was put where. */
export class Canaries {
  readonly planted: Canary[] = [];
  readonly innocents: Sought[] = [];
  readonly #dice: Dice;
  readonly #other: Dice;
  readonly #parts = new Set<string>();
  readonly #turns = new Map<string, number>();

  constructor(seed: number) {
    this.#dice = new Dice(seed);
    this.#other = new Dice(seed ^ 0x5bd1e995);
  }

  /** Where somebody writes prose: `count` of them, one a sentence, and between them words that are no secret. */
  text(place: string, count = 3, { emails = true } = {}): string {
    const made = this.#taken(place, count, emails, ({ text }) => text !== null);
    return [...made.map(({ text }) => `I was told ${text}`), this.#innocent(place)].join("\nand ");
  }

  /** Where somebody writes a line: one of them, not long. */
  label(place: string, most = 100): string {
    const [one] = this.#taken(
      place,
      1,
      false,
      ({ text }) => text !== null && text.length <= most && !text.includes("\n"),
    );
    return one?.text ?? "";
  }

  /** Where somebody gives an object: `count` of them, each as a member. All kinds when it is not said how many. */
  object(place: string, count?: number, { emails = true } = {}): JsonObject {
    const made = this.#taken(place, count ?? makers(emails).size, emails, () => true);
    const parts = made.map(({ whole }, at) => [`part${at}`, whole] as const);
    return { ...Object.fromEntries(parts), innocent: this.#innocent(place) };
  }

  /** What stands beside a secret, and is to stay. */
  #innocent(place: string): string {
    const words = wordsOf(this.#dice);
    this.innocents.push({ name: place, parts: [words] });
    return words;
  }

  get kinds(): string[] {
    return [...new Set(this.planted.map(({ kind }) => kind))];
  }

  get places(): string[] {
    return [...new Set(this.planted.map(({ place }) => place))];
  }

  #taken(place: string, count: number, emails: boolean, fits: (made: Made) => boolean): Made[] {
    const kinds = [...makers(emails)];
    const taken: Made[] = [];
    // What fits nowhere else has its turn in a list of its own, so that no kind waits for ever.
    const list = `${fits.toString()} ${emails}`;
    let turn = this.#turns.get(list) ?? 0;
    for (let tries = 0; taken.length < count; turn += 1, tries += 1) {
      if (tries > kinds.length * (count + 1)) throw new Error(`nothing fits ${place}`);
      const [kind, make] = kinds[turn % kinds.length]!;
      const made = make(this.#dice);
      const parts = soughtOf(made.secret, make(this.#other).secret);
      // Of two that are alike nobody could say which was found.
      const isNew = parts.length > 0 && !parts.some((part) => this.#parts.has(part));
      if (!isNew || !isRare(made) || !fits(made)) continue;
      for (const part of parts) this.#parts.add(part);
      this.planted.push({ name: `${kind}, ${place}`, kind, place, parts });
      taken.push(made);
    }
    this.#turns.set(list, turn);
    return taken;
  }
}
