import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, test } from "vitest";
import { Canaries, Values } from "../support/canaries.ts";
import { Dice } from "../support/dice.ts";
import { filesUnder, forms, partsOf, said, scan, Scanner, type Source } from "../support/scan.ts";

/** What looks for planted secrets finds them: or that it found none would say nothing. */

const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20_261_123);
const noise = (dice: Dice, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => dice.below(256)));
const bytes = (name: string, parts: readonly Uint8Array[]): Source => ({ name, bytes: Buffer.concat(parts) });

describe("the scan for what is planted", () => {
  test("finds every secret of every kind in every form, wherever it begins", ({ expect }) => {
    const canaries = new Canaries(seed);
    canaries.object("args");
    const dice = new Dice(seed);
    const scanner = new Scanner(canaries.planted);
    expect(scanner.in([{ name: "noise", bytes: noise(dice, 200_000) }]).hits).toEqual([]);
    for (const { name, parts } of canaries.planted) {
      for (const [form, make] of Object.entries(forms)) {
        const written = make(parts.at(-1) ?? "");
        for (const one of written) {
          const at = bytes("somewhere", [noise(dice, dice.below(9)), one, noise(dice, dice.below(9))]);
          expect(
            scanner.in([at]).hits.map((hit) => hit.name),
            `${name}, ${form}`,
          ).toContain(name);
        }
      }
    }
    expect(canaries.kinds.length).toBeGreaterThanOrEqual(50);
  });

  test("finds in base64 whatever stands before and behind", ({ expect }) => {
    const values = new Values(seed);
    const text = values.text("here");
    for (let before = 0; before < 6; before += 1) {
      const whole = `${"x".repeat(before)}${text}${"y".repeat(before % 4)}`;
      for (const encoding of ["base64", "base64url"] as const) {
        const { hits } = scan([said("coded", Buffer.from(whole).toString(encoding))], values.planted);
        expect(hits).toMatchObject([{ name: "here" }]);
      }
    }
  });

  test("finds what is compressed, and what only half is left of", ({ expect }) => {
    const dice = new Dice(seed);
    const values = new Values(seed);
    const text = Buffer.from(`{"reason":"${values.text("packed")}"}`);
    for (const packed of [gzipSync(text), deflateSync(text)]) {
      const found = scan([bytes("packed", [noise(dice, 100), packed, noise(dice, 100)])], values.planted);
      expect(found.hits).toMatchObject([{ name: "packed" }]);
      expect(found.unpacked).toBeGreaterThan(0);
    }
    const long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP";
    const sought = [{ name: "long", parts: partsOf(long) }];
    for (let end = 24; end <= long.length; end += 1) {
      expect(scan([said("half", long.slice(end - 24, end))], sought).hits).not.toEqual([]);
    }
  });

  test("finds in a database what was deleted from it, and what only its log has", ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-scan-"));
    try {
      const values = new Values(seed);
      const database = new DatabaseSync(join(folder, "rows.sqlite"));
      database.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)");
      const insert = database.prepare("INSERT INTO rows (body) VALUES (?)");
      insert.run(values.text("in a free page") + "x".repeat(9_000));
      insert.run(values.text("in a page that is used"));
      database.exec("DELETE FROM rows WHERE id = 1; PRAGMA journal_mode = WAL");
      insert.run(values.text("in the log"));
      const found = new Set(scan(filesUnder(folder), values.planted).hits.map(({ name }) => name));
      database.close();
      expect([...found].toSorted()).toEqual(values.planted.map(({ name }) => name).toSorted());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
