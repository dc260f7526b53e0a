import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { describe, test } from "vitest";
import { cardOf } from "../../core/card/card.ts";
import { isShown, rendererVersion, shownCard, shownOf } from "../../core/card/shown.ts";
import { viewOf } from "../support/views.ts";

const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

/** An action that makes use of all that a card can show. */
const action = viewOf({
  seq: 5,
  target: { resource: "prod-dаtа\u202Ebase", segment: "prod-hosts", environment: "prod", tool: "shell" },
  args: { argv: ["rm", "-r", "/srv/old data"], force: true, limits: { rows: 12.5 }, note: "two\nlines" },
  preconditions: { schemaVersion: "41" },
  rollbackPlan: { argv: ["restore", "/srv/old data"] },
  notBefore: "2026-01-01T12:10:00.000Z",
  notAfter: "2026-01-01T14:00:00.000Z",
  context: { ticket: "OPS-7" },
  separationOfDuties: { owner: false },
  votes: [
    {
      person: "person:bob",
      decision: "approve",
      reason: "seen\u200Bit",
      at: "2026-01-01T12:01:00.000Z",
      via: "page",
      counts: true,
    },
  ],
});
const told = { description: "Runs one command on a host.", rollback: true };

/**
 * The hash of that card by each version of the renderer. Whoever changes what a card shows raises `rendererVersion` and adds a line: a
 * vote keeps the hash of what its voter was shown, and a card made otherwise under the same version would look like a lie.
 */
const golden: Readonly<Record<number, string>> = {
  1: "sha256:52c72474c4b350316ffa014863b2979d52947392dc33ce3f6c2efdd51486d286",
};

describe("what a vote keeps of the card that was shown", () => {
  test("is the hash that this version of the renderer has always made of it", ({ expect }) => {
    expect(shownOf(shownCard(action, told), sha256Hex)).toEqual({
      renderer: rendererVersion,
      card: golden[rendererVersion],
    });
  });

  test("is SHA-256 of the RFC 8785 form of the card without the address that it links to", ({ expect }) => {
    const { page: _, ...card } = cardOf(action, told);
    expect(shownOf(shownCard(action, told), sha256Hex).card).toBe(`sha256:${sha256Hex(canonicalize(card)!)}`);
    const elsewhere = { ...action, links: { ...action.links, page: "https://elsewhere.example/actions/x" } };
    expect(shownCard(elsewhere, told)).toEqual(shownCard(action, told));
    expect(shownCard(action, told)).not.toHaveProperty("page");
  });

  test("is another one for any other card, and by any other renderer", ({ expect }) => {
    const shown = shownOf(shownCard(action, told), sha256Hex);
    expect(isShown(shownCard(action, told), shown, sha256Hex)).toBe(true);
    const others = [
      { ...action, args: { argv: ["rm", "-r", "/"] } },
      { ...action, reason: "something else" },
      { ...action, seq: 6 },
      { ...action, votes: [] },
    ];
    for (const other of others) expect(isShown(shownCard(other, told), shown, sha256Hex)).toBe(false);
    expect(
      isShown(shownCard(action, { ...told, rollback: false, description: null }), shown, sha256Hex),
    ).toBe(false);
    expect(isShown(shownCard(action, told), { ...shown, renderer: rendererVersion + 1 }, sha256Hex)).toBe(
      false,
    );
  });
});
