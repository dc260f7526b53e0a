import { describe, test } from "vitest";
import { knownIn } from "../../workers/secrets/rules.ts";

describe("the published rules inside the engine", () => {
  test("know a token, and where in which text it stands", async ({ expect }) => {
    const token = `ghp_${"wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx".slice(0, 36)}`;
    const found = await knownIn(["nothing here", `see ${token} there`, "nor here"]);
    expect([...found.keys()]).toEqual([1]);
    expect(found.get(1)).toMatchObject([{ start: 4, end: 4 + token.length }]);
  });
});
