import fc from "fast-check";
import type { Dice } from "../dice.ts";
import type { Document, Schema } from "../described.ts";

/** What a name of a property, or a pattern, is likely to want; undefined where nothing is known. */
export type Hint = (name: string, schema: Schema) => unknown;

const texts = [
  "it does not answer",
  "é ñ 漢字 🙂",
  "a\nb\tc",
  "=1+1",
  "<b>bold</b>",
  "'; drop table actions; --",
  "x",
  "null",
  "0",
] as const;

const now = (): number => Date.now();
const minuteMs = 60_000;

/** Values that a schema of the document takes. */
export class Shapes {
  readonly #document: Document;
  readonly #dice: Dice;
  readonly #hint: Hint;
  readonly #matching = new Map<string, readonly string[]>();

  constructor(document: Document, dice: Dice, hint: Hint) {
    this.#document = document;
    this.#dice = dice;
    this.#hint = hint;
  }

  draw(schema: Schema, name = "", depth = 0): unknown {
    const { $ref: ref } = schema;
    if (typeof ref === "string") {
      const part = this.#document.components.schemas[ref.replace("#/components/schemas/", "")];
      return this.draw(part ?? {}, name, depth);
    }
    const hinted = this.#hint(name, schema);
    if (hinted !== undefined) return hinted;
    if ("const" in schema) return schema["const"];
    const options = schema["enum"] ?? schema["anyOf"];
    if (Array.isArray(options)) {
      const one: unknown = this.#dice.pick(options);
      return schema["enum"] === undefined ? this.draw(one as Schema, name, depth) : one;
    }
    return this.#byType(schema, name, depth);
  }

  #byType(schema: Schema, name: string, depth: number): unknown {
    const dice = this.#dice;
    const bound = (keyword: string, otherwise: number): number => Number(schema[keyword] ?? otherwise);
    switch (schema["type"]) {
      case "object":
        return this.#object(schema, depth);
      case "array": {
        const least = bound("minItems", 0);
        const length = least + dice.below(Math.min(bound("maxItems", 3), 3) + 1 - Math.min(least, 3));
        const items = (schema["items"] ?? {}) as Schema;
        return Array.from({ length }, () => this.draw(items, name, depth + 1));
      }
      case "string":
        return this.#text(schema);
      case "integer":
      case "number": {
        const [least, most] = [bound("minimum", 0), bound("maximum", 100)];
        const any = least + dice.below(Math.min(most - least, 1_000) + 1);
        return dice.chance(0.2) ? dice.pick([least, most]) : any;
      }
      case "boolean":
        return dice.chance(0.5);
      case "null":
        return null;
      default:
        return this.#any(depth);
    }
  }

  #object(schema: Schema, depth: number): unknown {
    const dice = this.#dice;
    const properties = Object.entries((schema["properties"] ?? {}) as Record<string, Schema>);
    const required = new Set((schema["required"] ?? []) as string[]);
    const chosen = properties.filter(([key]) => required.has(key) || dice.chance(0.3));
    const drawn = chosen.map(([key, part]) => [key, this.draw(part, key, depth + 1)]);
    const rest = schema["additionalProperties"];
    if (typeof rest !== "object" || rest === null) return Object.fromEntries(drawn);
    const names = (schema["propertyNames"] ?? { type: "string" }) as Schema;
    const more = Array.from({ length: dice.below(3) }, () => [
      this.#text(names),
      this.draw(rest as Schema, "", depth + 1),
    ]);
    return Object.fromEntries([...drawn, ...more]);
  }

  #text(schema: Schema): string {
    const dice = this.#dice;
    if (schema["format"] === "date-time") {
      return new Date(now() + (dice.below(2_000) - 200) * minuteMs).toISOString();
    }
    if (schema["format"] === "email") return `${dice.pick(["eve", "x.y", "a+b"])}@example.com`;
    if (typeof schema["pattern"] === "string") return dice.pick(this.#matches(schema["pattern"]));
    const most = Number(schema["maxLength"] ?? 200);
    if (dice.chance(0.03)) return "x".repeat(most);
    return dice.pick(texts).slice(0, most);
  }

  /** Some texts that match, the same ones for the same seed. */
  #matches(pattern: string): readonly string[] {
    const known = this.#matching.get(pattern);
    if (known !== undefined) return known;
    const arbitrary = fc.stringMatching(new RegExp(pattern, "u"));
    const made = fc.sample(arbitrary, { numRuns: 20, seed: this.#dice.below(2 ** 31) });
    this.#matching.set(pattern, made);
    return made;
  }

  #any(depth: number): unknown {
    const dice = this.#dice;
    const plain: unknown[] = [null, true, 0, -1, 1.5, "x", "é", 9_007_199_254_740_991];
    if (depth > 4 || dice.chance(0.7)) return dice.pick(plain);
    const parts = Array.from({ length: dice.below(3) }, () => this.#any(depth + 1));
    return dice.chance(0.5) ? parts : Object.fromEntries(parts.map((part, index) => [`k${index}`, part]));
  }
}
