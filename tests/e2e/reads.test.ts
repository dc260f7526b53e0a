import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf, wholeLife } from "../support/actors.ts";
import type { Answer } from "../support/caller.ts";
import { proven } from "../support/proof.ts";
import { addressOf, describedRoutes, type DescribedRoute } from "../support/routes.ts";
import { changedIn, nextAlarm, rowsOnDisk } from "../support/rows.ts";
import { expectSealed, sealingHeaders } from "../support/sealed.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/**
 * P12: GET and HEAD on every route there is, by everybody, of what is there and what is not: nothing is written, and every answer
 * carries the security headers. Who looked at evidence is written down in the Ledger, as it has to be; so that is left out.
 */
const classes = ["Action", "Board", "Registry"];

let engine: TestEngine;
let cast: Cast;
let action: ActionView;
let routes: DescribedRoute[];

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  action = await cast.demo.asks();
  await wholeLife(cast);
  routes = await describedRoutes(cast.stranger);
});

afterAll(async () => {
  await engine?.stop();
});

/** Waits until what the commands before have set off is over, and nothing comes of itself before the test is. */
async function settled(): Promise<Record<string, string>> {
  for (let before = rowsOnDisk(engine.stateDir, classes); ;) {
    await delay(1_000);
    const after = rowsOnDisk(engine.stateDir, classes);
    const alarms = classes.map((name) => nextAlarm(engine.stateDir, name));
    if (changedIn(before, after).length === 0 && Math.min(...alarms) > Date.now() + 300_000) return after;
    before = after;
  }
}

const vote = (digest: string): string =>
  new URLSearchParams({ decision: "approve", digest, reason: "clicked", confirm: "true" }).toString();

describe("GET and HEAD on every route", () => {
  test(
    "P12 write nothing, and are answered with every security header",
    { timeout: 300_000 },
    async ({ expect }) => {
      const everybody = [
        cast.operator,
        cast.auditor,
        cast.demo,
        cast.omar,
        cast.alice,
        cast.other,
        cast.stranger,
      ];
      const before = await settled();
      const paths = [...new Set(routes.map(({ path }) => path))];
      let trials = 0;
      const statuses = new Map<number, number>();
      for (const path of paths) {
        for (const id of path.includes("{") ? [action.id, `act_${"x".repeat(22)}`, "bob", "%00"] : [""]) {
          for (const method of ["GET", "HEAD"]) {
            const answers = await Promise.all(
              ["", `?${vote(action.digest)}`].flatMap((query) =>
                everybody.map((who) => who.send(method, `${addressOf({ path }, id)}${query}`)),
              ),
            );
            for (const answer of answers) {
              expectSealed(expect, answer);
              if (method === "HEAD") expect(answer.text).toBe("");
              statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
            }
            trials += answers.length;
          }
        }
      }
      expect(changedIn(before, rowsOnDisk(engine.stateDir, classes))).toEqual([]);
      expect(await cast.demo.sees(action)).toEqual(action);
      expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
      const notes = [...statuses]
        .toSorted(([a], [b]) => a - b)
        .map(([status, count]) => `${status}: ${count}`);
      proven({
        part: "reads",
        trials,
        notes: `${paths.length} addresses, ${everybody.length} callers; answers ${notes.join(", ")}`,
      });
    },
  );

  test("are looked at by a check that notices what is written", async ({ expect }) => {
    const before = await settled();
    await cast.bob.approves(action);
    expect(changedIn(before, rowsOnDisk(engine.stateDir, classes))).toContainEqual(
      expect.stringMatching(/^Action\/.* events$/u),
    );
    proven({ part: "reads", controls: { found: 1, of: 1 } });
  });

  test.for(Object.keys(sealingHeaders))(
    "are looked at by a check that misses %s",
    async (name, { expect }) => {
      const answer = await cast.operator.send("GET", "/v1/whoami");
      const headers = new Headers(answer.headers);
      headers.delete(name);
      const bare: Answer = { ...answer, headers };
      expect(() => expectSealed(expect, bare)).toThrow();
      proven({ part: "reads", controls: { found: 1, of: 1 } });
    },
  );
});
