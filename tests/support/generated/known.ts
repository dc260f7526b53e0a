import type { Dice } from "../dice.ts";

/** An action as far as requests about it need it. */
export type Subject = { id: string; digest: string; lease?: string; fence?: number };

/** Values kept of a kind: the newest ones, so that most of what is named is still there. */
const kept = 24;
const keptActions = 12;

/** What the answers so far have said, to be asked about: ids, digests, leases, cursors, by the name that they had. */
export class Known {
  readonly #byName = new Map<string, unknown[]>();
  readonly #byPattern = new Map<string, { form: RegExp; values: string[] }>();
  readonly #texts: string[] = [];
  readonly actions: Subject[] = [];

  /** Takes what an answer says. `family` is what its ids are of, such as `keys`. */
  learn(value: unknown, family: string): void {
    if (Array.isArray(value)) {
      for (const item of value) this.learn(item, family);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    this.#learnAction(value as Record<string, unknown>);
    for (const [name, member] of Object.entries(value)) {
      if (typeof member === "object") this.learn(member, family);
      else if (typeof member !== "boolean") this.add(name === "id" ? `id of ${family}` : name, member);
    }
  }

  add(name: string, value: unknown): void {
    push(this.#byName, name, value);
    if (typeof value !== "string" || value.length > 300) return;
    this.#texts.push(value);
    if (this.#texts.length > 400) this.#texts.shift();
    for (const { form, values } of this.#byPattern.values()) if (form.test(value)) keep(values, value, kept);
  }

  /** One of the values that had this name; undefined where there was none. */
  named(dice: Dice, name: string): unknown {
    const values = this.#byName.get(name);
    return values === undefined ? undefined : dice.pick(values);
  }

  /** One of the texts, whatever their names, that a pattern takes. */
  matching(dice: Dice, pattern: string): string | undefined {
    let known = this.#byPattern.get(pattern);
    if (known === undefined) {
      const form = new RegExp(pattern, "u");
      known = { form, values: this.#texts.filter((text) => form.test(text)).slice(-kept) };
      this.#byPattern.set(pattern, known);
    }
    return known.values.length === 0 ? undefined : dice.pick(known.values);
  }

  #learnAction(value: Record<string, unknown>): void {
    const { id, digest, lease, fence, action } = value;
    if (typeof lease === "string" && typeof fence === "number") {
      const of = (action as { id?: string } | undefined)?.id;
      const held = this.actions.find((one) => one.id === of);
      if (held !== undefined) Object.assign(held, { lease, fence });
    }
    if (typeof id !== "string" || typeof digest !== "string" || !id.startsWith("act_")) return;
    if (this.actions.some((one) => one.id === id)) return;
    keep(this.actions, { id, digest }, keptActions);
  }
}

function push(map: Map<string, unknown[]>, name: string, value: unknown): void {
  const values = map.get(name) ?? [];
  map.set(name, values);
  keep(values, value, kept);
}

function keep<Value>(values: Value[], value: Value, most: number): void {
  if (values.includes(value)) return;
  values.push(value);
  if (values.length > most) values.shift();
}
