import { describe, test } from "vitest";
import { withWords, wordsIn } from "../../core/secrets/words.ts";
import { redactWords } from "../../workers/secrets/redact.ts";
import { takenOutOf } from "../../scripts/holdpoint/perform.ts";

const how = { salt: "a salt", emails: false };

describe("T16 what people write in a body", () => {
  const body = {
    scope: "password=Tulip!9731",
    reason: "it says password=Tulip!9731",
    items: [{ reason: "nothing" }, { reason: "token=Tulip!9731", evidence: { password: "x", deep: [1] } }],
    evidence: { dbPassword: "Tulip!9731", host: "db-1" },
  };

  test("is found wherever it stands, and put back in its place", ({ expect }) => {
    const names = ["reason", "evidence"];
    const words = wordsIn(body, names);
    expect(words).toHaveLength(5 - 1 + 1);
    expect(withWords(body, names, words)).toEqual(body);
    expect(
      withWords(
        body,
        names,
        words.map((one) => Object.fromEntries(Object.keys(one).map((name) => [name, "gone"]))),
      ),
    ).toEqual({
      scope: body.scope,
      reason: "gone",
      items: [{ reason: "gone" }, { reason: "gone", evidence: "gone" }],
      evidence: "gone",
    });
  });

  test("loses its secrets, and nothing else does", async ({ expect }) => {
    const kept = await redactWords(body, ["reason", "evidence"], how);
    expect(kept).toEqual({
      scope: body.scope,
      reason: expect.stringMatching(/^it says password=\[redacted password [0-9a-f]{8}\]$/u),
      items: [
        { reason: "nothing" },
        {
          reason: expect.stringMatching(/^token=\[redacted token /u),
          evidence: { password: "x", deep: [1] },
        },
      ],
      evidence: { dbPassword: expect.stringMatching(/^\[redacted password /u), host: "db-1" },
    });
    expect(await redactWords(kept, ["reason", "evidence"], how)).toEqual(kept);
  });
});

describe("T16 a command that a secret was taken out of", () => {
  const without = (...pointers: string[]): Parameters<typeof takenOutOf>[0] => ({
    redacted: pointers.map((pointer) => ({ pointer, kind: "password" })),
  });

  test("is not run, nor one to undo it with", ({ expect }) => {
    for (const pointer of ["/args/argv/2", "/args/cwd"]) {
      expect(takenOutOf(without("/reason", pointer), "execute")).toContain("the command");
      expect(takenOutOf(without(pointer), "rollback")).toBeNull();
    }
    expect(takenOutOf(without("/rollbackPlan/argv/1"), "rollback")).toContain("the rollback command");
    expect(takenOutOf(without("/rollbackPlan/argv/1"), "execute")).toBeNull();
    expect(takenOutOf(without("/reason", "/args/argvs", "/context/argv/0"), "execute")).toBeNull();
    expect(takenOutOf({}, "execute")).toBeNull();
  });
});
