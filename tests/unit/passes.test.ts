import { describe, test } from "vitest";
import { passTextOf, workspaceOfPass } from "../../core/pass-text.ts";
import type { SessionRecord } from "../../schemas/session.ts";
import { sha256Hex, workerModule } from "../support/entrance.ts";
import { must, openTables, type Outcome, type Sql } from "../support/registry-tables.ts";

type Pass = { text: string; expiresAt: number };
type Moment = { workspace: string; actor: string; now: number };
const passes = await workerModule<{
  createLink: (sql: Sql, link: { person: string; keyId: string }, moment: Moment) => Outcome<Pass>;
  signIn: (
    sql: Sql,
    link: { hash: string },
    moment: { workspace: string; now: number },
  ) => Outcome<Pass & { session: SessionRecord }>;
  liveSession: (sql: Sql, session: { hash: string; now: number }) => SessionRecord | null;
  endSession: (sql: Sql, session: { hash: string; now: number }) => void;
  createTicket: (sql: Sql, ticket: { holder: string }, moment: { workspace: string; now: number }) => Pass;
  redeemTicket: (sql: Sql, ticket: { hash: string; holder: string; now: number }) => boolean;
}>("objects/registry/sessions.ts");
const { bootstrapKey, revokeKey } = await workerModule<{
  bootstrapKey: (sql: Sql, moment: Moment) => { record: { id: string } };
  revokeKey: (sql: Sql, id: string, moment: { actor: string; now: number }) => Outcome<unknown>;
}>("objects/registry/keys.ts");

const now = 1_800_000_000_000;
const [linkMs, sessionMs, ticketMs] = [300_000, 43_200_000, 30_000];
const spent = {
  ok: false,
  error: {
    code: "unauthenticated",
    detail: "This link was used already or is over. Ask for a new one.",
  },
};

/** A Registry, and the key that links are made with. */
function opened() {
  const tables = openTables();
  const { sql } = tables;
  const keyId = bootstrapKey(sql, { workspace: "acme", actor: "test", now }).record.id;
  const link = (who = "person:bob", at = now): Pass =>
    must(passes.createLink(sql, { person: who, keyId }, { workspace: "acme", actor: "service:x", now: at }));
  const uses = (text: string, at = now) =>
    passes.signIn(sql, { hash: sha256Hex(text) }, { workspace: "acme", now: at });
  const signsIn = (at = now) => must(uses(link("person:bob", at).text, at));
  const live = (text: string, at = now) => passes.liveSession(sql, { hash: sha256Hex(text), now: at });
  const ticket = (holder: string, at = now): Pass =>
    passes.createTicket(sql, { holder }, { workspace: "acme", now: at });
  const redeems = (text: string, holder: string, at = now): boolean =>
    passes.redeemTicket(sql, { hash: sha256Hex(text), holder, now: at });
  const kept = (): number => sql.exec("SELECT kind FROM passes").toArray().length;
  return { ...tables, keyId, link, uses, signsIn, live, ticket, redeems, kept };
}

describe("the text of a pass", () => {
  test("is its workspace and 43 characters of base64url, and says no more", ({ expect }) => {
    const secret = `${"A".repeat(40)}_-z`;
    for (const workspace of ["a", "team-1", "x".repeat(39)]) {
      expect(workspaceOfPass(passTextOf(workspace, secret))).toBe(workspace);
    }
    for (const text of [
      "",
      "acme",
      "acme.",
      `.${secret}`,
      `acme${secret}`,
      `acme.${secret}A`,
      `acme.${secret.slice(1)}`,
      `acme.${secret} `,
      ` acme.${secret}`,
      `xacme!acme.${secret}`,
      `Acme.${secret}`,
      `1acme.${secret}`,
      `${"x".repeat(40)}.${secret}`,
      `acme.${secret.slice(1)}+`,
      `acme.${secret}=`,
    ]) {
      expect(workspaceOfPass(text), text).toBeNull();
    }
  });
});

describe("T6 T11 a sign-in link", () => {
  test("works for five minutes and not a millisecond longer", ({ expect }) => {
    const { link, uses } = opened();
    const made = link();
    expect(made.expiresAt).toBe(now + linkMs);
    expect(workspaceOfPass(made.text)).toBe("acme");
    expect(uses(made.text, now + linkMs)).toEqual(spent);
    expect(uses(made.text, now + linkMs - 1).ok).toBe(true);
  });

  test("works once", ({ expect }) => {
    const { link, uses } = opened();
    const { text } = link();
    expect(uses(text).ok).toBe(true);
    expect(uses(text)).toEqual(spent);
    expect(uses(passTextOf("acme", "A".repeat(43)))).toEqual(spent);
  });

  test("becomes a session of twelve hours of the person it is for", ({ expect }) => {
    const { link, uses, live, keyId } = opened();
    const { text, expiresAt, session } = must(uses(link().text, now + 5));
    expect(session).toEqual({
      id: expect.stringMatching(/^ses_[A-Za-z0-9_-]{20}$/u) as string,
      person: "person:bob",
      keyId,
      signedInAt: now + 5,
      endsAt: now + 5 + sessionMs,
    });
    expect(expiresAt).toBe(session.endsAt);
    expect(live(text)).toEqual(session);
  });

  test("is for active people alone, when it is made and when it is used", ({ expect }) => {
    const { link, uses, person, sql, keyId } = opened();
    const none = { ok: false, error: { code: "not_found", detail: "There is no such active person here." } };
    const moment = { workspace: "acme", actor: "test", now };
    expect(passes.createLink(sql, { person: "person:nobody", keyId }, moment)).toEqual(none);
    const made = link();
    person("bob", false);
    expect(() => link()).toThrow(none.error.detail);
    expect(uses(made.text)).toEqual(spent);
    person("bob");
    // What was refused is not used up.
    expect(uses(made.text).ok).toBe(true);
  });

  test("is worth nothing once the key that made it is revoked", ({ expect }) => {
    const { link, uses, sql, keyId } = opened();
    const { text } = link();
    must(revokeKey(sql, keyId, { actor: "test", now }));
    expect(uses(text)).toEqual(spent);
  });

  test("is no session, no ticket and none of another's", ({ expect }) => {
    const { link, live, redeems, ticket, signsIn, uses } = opened();
    const { text } = link();
    expect(live(text)).toBeNull();
    expect(redeems(text, "person:bob")).toBe(false);
    expect(uses(ticket("x").text)).toEqual(spent);
    expect(uses(signsIn().text)).toEqual(spent);
    expect(uses(text).ok).toBe(true);
  });
});

describe("T6 T20 a session", () => {
  test("lives until its twelve hours are over, or the key it began with is", ({ expect }) => {
    const { signsIn, live, sql, keyId } = opened();
    const { text } = signsIn();
    expect(live(text, now + sessionMs - 1)?.person).toBe("person:bob");
    expect(live(text, now + sessionMs)).toBeNull();
    must(revokeKey(sql, keyId, { actor: "test", now }));
    expect(live(text)).toBeNull();
  });

  test("ends when its person signs out, and no other's does", ({ expect }) => {
    const { signsIn, live, sql, changes } = opened();
    const [one, other] = [signsIn(), signsIn()];
    passes.endSession(sql, { hash: sha256Hex(one.text), now: now + 1 });
    expect([live(one.text), live(other.text)?.id]).toEqual([null, other.session.id]);
    const seen = changes().length;
    passes.endSession(sql, { hash: sha256Hex(one.text), now: now + 1 });
    passes.endSession(sql, { hash: sha256Hex(other.text), now: now + sessionMs });
    expect(changes()).toHaveLength(seen);
  });

  test("is known by its hash alone: its text is stored nowhere", ({ expect }) => {
    const { signsIn, link, ticket, sql } = opened();
    const texts = [link().text, signsIn().text, ticket("x").text];
    const stored = JSON.stringify(sql.exec("SELECT * FROM passes").toArray());
    for (const text of texts) expect(stored).not.toContain(text.slice("acme.".length));
  });
});

describe("T6 T21 a ticket", () => {
  test("opens one stream within thirty seconds, for its holder", ({ expect }) => {
    const { ticket, redeems } = opened();
    const made = ticket("ses_1");
    expect(made.expiresAt).toBe(now + ticketMs);
    expect(redeems(made.text, "ses_1", now + ticketMs)).toBe(false);
    expect(redeems(made.text, "ses_1", now + ticketMs - 1)).toBe(true);
    expect(redeems(made.text, "ses_1")).toBe(false);
  });

  test("is used up by whoever shows it", ({ expect }) => {
    const { ticket, redeems } = opened();
    const { text } = ticket("ses_1");
    expect(redeems(text, "ses_2")).toBe(false);
    expect(redeems(text, "ses_1")).toBe(false);
  });

  test("leaves other passes as they are", ({ expect }) => {
    const { ticket, redeems, signsIn, live, link, uses } = opened();
    const [one, other, cookie, unused] = [ticket("ses_1"), ticket("ses_1"), signsIn(), link()];
    expect(redeems(one.text, "ses_1")).toBe(true);
    expect(redeems(cookie.text, "ses_1")).toBe(false);
    expect(redeems(other.text, "ses_1")).toBe(true);
    expect(live(cookie.text)?.person).toBe("person:bob");
    expect(uses(unused.text).ok).toBe(true);
  });
});

describe("passes", () => {
  test("that are over are thrown away with the next that is made", ({ expect }) => {
    const { ticket, kept, redeems } = opened();
    const first = ticket("ses_1");
    ticket("ses_1", now + ticketMs - 1);
    expect(kept()).toBe(2);
    ticket("ses_1", now + ticketMs);
    expect(kept()).toBe(2);
    expect(redeems(first.text, "ses_1")).toBe(false);
  });

  test("leave rows of who made which, but for tickets", ({ expect }) => {
    const { link, uses, ticket, sql, changes, keyId } = opened();
    const { text, session } = must(uses(link().text, now + 1));
    ticket(session.id);
    passes.endSession(sql, { hash: sha256Hex(text), now: now + 2 });
    expect(changes()).toEqual([
      `${now} test key.created ${keyId}`,
      `${now} service:x link.created person:bob`,
      `${now + 1} person:bob session.created ${session.id}`,
      `${now + 2} person:bob session.ended ${session.id}`,
    ]);
    // None of them is part of what every isolate knows of the directory.
    const versions = sql.exec("SELECT DISTINCT version FROM changes WHERE at > 0").toArray();
    expect(versions).toHaveLength(1);
  });
});
