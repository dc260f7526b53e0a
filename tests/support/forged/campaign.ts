import { afterAll, beforeAll, test, vi } from "vitest";
import { Dice } from "../dice.ts";
import { proven } from "../proof.ts";
import { now } from "./gate.ts";
import { forgetVariants, type Change } from "./variant.ts";

/** What one way in is tried with. An attack says whether it got in; `genuine` gets in with what it has a right to, by the same road. */
export type Stage = {
  readonly genuine: () => Promise<boolean>;
  readonly attacks: Readonly<Record<string, () => Promise<boolean>>>;
};

/**
 * One check of the product, taken out. `way`: the attack that then gets in.
 * With `covered`, none does, because something else refuses the same: that is tried too, and `with` says what has to go as well.
 */
export type Hole = {
  readonly without: string;
  readonly changes: readonly Change[];
  readonly way: string;
  readonly covered?: { readonly by: string; readonly changes: readonly Change[] };
};

export type Door = {
  /** What is forged there. */
  readonly title: string;
  /** Opens the product, with these changes, and sets the stage. */
  readonly open: (changes: readonly Change[], dice: Dice) => Stage | Promise<Stage>;
  readonly holes: readonly Hole[];
};

/** How many requests all doors together are tried with; HOLDPOINT_SEED says which. */
const wanted = Number(process.env["HOLDPOINT_FORGED"] ?? 18_000);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20_261_123);
const part = "forged";
/** Tries of one attack on a variant: the dice may give a few that change nothing it looks at. */
const tries = 40;

/** The campaign on one of so many doors, and a control for every check of it. Called inside a `describe` of its own. */
export function defendDoor({ title, open, holes }: Door, doors: number): void {
  const share = Math.ceil(wanted / doors);

  beforeAll(() => {
    vi.useFakeTimers({ toFake: ["Date"], now });
    // What a variant fails with says nothing.
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
  });
  afterAll(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    forgetVariants();
  });

  test(
    `of ${share} that are forged, stale, replayed or tampered with, none gets in, and in every round a genuine one does`,
    {
      timeout: 3_600_000,
    },
    async ({ expect }) => {
      const { genuine, attacks } = await open([], new Dice(seed));
      const ways = Object.entries(attacks);
      const inside: string[] = [];
      let made = 0;
      while (made < share) {
        if (!(await genuine())) inside.push("the genuine one did not get in");
        for (const [name, attack] of ways) {
          if (await attack()) inside.push(name);
          made += 1;
        }
        if (inside.length > 0) break;
      }
      expect(inside, `seed ${seed}`).toEqual([]);
      proven({ part, trials: made, seed, notes: `${title}: ${ways.length} ways to forge` });
    },
  );

  test.for(holes)("would get in without $without", { timeout: 60_000 }, async (hole, { expect }) => {
    const { way, changes, covered } = hole;
    if (covered !== undefined) {
      const stage = await open(changes, new Dice(1));
      expect(Object.keys(stage.attacks)).toContain(way);
      expect(await waysIn(stage), covered.by).toEqual([]);
    }
    const { genuine, attacks } = await open([...changes, ...(covered?.changes ?? [])], new Dice(1));
    expect(await getsIn(genuine, attacks[way])).toBe(true);
    const notes = covered === undefined ? "" : `without ${hole.without}: covered by ${covered.by}`;
    proven({ part, controls: { found: 1, of: 1 }, notes });
  });
}

async function getsIn(
  genuine: Stage["genuine"],
  attack: (() => Promise<boolean>) | undefined,
): Promise<boolean> {
  if (attack === undefined) throw new Error("there is no such attack");
  for (let made = 0; made < tries; made += 1) {
    await isIn(genuine);
    if (await isIn(attack)) return true;
  }
  return false;
}

/** A few tries of every attack: which of them got in. */
async function waysIn({ genuine, attacks }: Stage): Promise<string[]> {
  const found = new Set<string>();
  for (let made = 0; made < 2; made += 1) {
    await isIn(genuine);
    for (const [name, attack] of Object.entries(attacks)) if (await isIn(attack)) found.add(name);
  }
  return [...found];
}

/** A variant may fail where the product refuses: nobody got in. */
async function isIn(attack: () => Promise<boolean>): Promise<boolean> {
  try {
    return await attack();
  } catch {
    return false;
  }
}
