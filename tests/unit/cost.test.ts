import { describe, test } from "vitest";
import { Counter } from "../../scripts/cost/counter.ts";
import { totalsOf } from "../../scripts/cost/counts.ts";
import { billOf, sumOf } from "../../scripts/cost/prices.ts";
import { statementName, statementsOf } from "../../scripts/cost/statement.ts";

describe("statements", () => {
  test("a text of several is taken apart, and a trigger stays whole", ({ expect }) => {
    const trigger =
      "CREATE TRIGGER kept BEFORE DELETE ON log BEGIN SELECT CASE WHEN 1 THEN RAISE(ABORT, 'no; never') END; END";
    const sql = `CREATE TABLE log (text TEXT); -- first; table\n${trigger};\nINSERT INTO log VALUES ('a;''b');;`;
    expect(statementsOf(sql)).toEqual([
      "CREATE TABLE log (text TEXT)",
      trigger,
      "INSERT INTO log VALUES ('a;''b')",
    ]);
  });

  test("one without an end is one", ({ expect }) => {
    expect(statementsOf("SELECT 1")).toEqual(["SELECT 1"]);
    expect(statementsOf(" ; ")).toEqual([]);
  });

  test("its name says what it does to which table", ({ expect }) => {
    const names = {
      "SELECT 1 FROM sqlite_master WHERE name = 'docs'": "SELECT sqlite_master",
      "INSERT INTO docs (id) VALUES (?)\n ON CONFLICT (id) DO UPDATE SET id = 1": "INSERT docs",
      "insert or replace into docs values (1)": "INSERT docs",
      "UPDATE outbox SET due = NULL": "UPDATE outbox",
      "DELETE FROM keys": "DELETE keys",
      "CREATE TABLE IF NOT EXISTS _migrations (id)": "CREATE TABLE _migrations",
      "CREATE TRIGGER events_kept BEFORE DELETE ON events": "CREATE TRIGGER events_kept",
      "PRAGMA optimize": "PRAGMA optimize",
    };
    for (const [sql, name] of Object.entries(names)) expect(statementName(sql)).toBe(name);
  });
});

describe("the counter", () => {
  test("puts everything down to what is running, also after it has given way", async ({ expect }) => {
    const counter = new Counter();
    await counter.within("Action.create", async () => {
      counter.rows("INSERT docs", 1, 2);
      await Promise.resolve();
      counter.rows("INSERT docs", 1, 2);
      counter.request("Board.apply");
    });
    counter.request("Action.alarm", "the clock");
    const counts = counter.taken();
    expect(counts.statements).toEqual([
      { by: "Action.create", statement: "INSERT docs", times: 2, rowsRead: 2, rowsWritten: 4 },
    ]);
    expect(counts.objectRequests).toEqual([
      { from: "Action.create", to: "Board.apply", times: 1 },
      { from: "the clock", to: "Action.alarm", times: 1 },
    ]);
  });

  test("a queue operation is 64 KB, so a large message is two", ({ expect }) => {
    const counter = new Counter();
    for (const body of ["small", "x".repeat(65_536)]) {
      counter.written("q", body);
      counter.read("q", body);
      counter.deleted("q", body);
    }
    expect(counter.taken().queues).toEqual([{ queue: "q", messages: 2, writes: 3, reads: 3, deletes: 3 }]);
  });

  test("begins again from nothing", ({ expect }) => {
    const counter = new Counter();
    counter.rows("INSERT docs", 1, 1);
    counter.invoked("POST /v1/actions");
    counter.beginAgain();
    expect(totalsOf(counter.taken(), 1)).toEqual({
      rowsRead: 0,
      rowsWritten: 0,
      objectRequests: 0,
      queueOperations: 0,
      workerRequests: 0,
    });
  });
});

describe("the price", () => {
  const totals = {
    rowsRead: 60,
    rowsWritten: 33,
    objectRequests: 10,
    queueOperations: 18,
    workerRequests: 5,
  };

  test("is what a million lives cost at the published prices", ({ expect }) => {
    const usd = Object.fromEntries(billOf(totals, 20).map((line) => [line.item, line.usd]));
    expect(usd["rows written"]).toBeCloseTo(33);
    expect(usd["rows read"]).toBeCloseTo(0.06);
    expect(usd["object requests"]).toBeCloseTo(1.5);
    expect(usd["queue operations"]).toBeCloseTo(7.2);
    expect(usd["Worker requests"]).toBeCloseTo(1.5);
    expect(usd["CPU, ms"]).toBeCloseTo(0.4);
    expect(usd["object duration, GB-s"]).toBeCloseTo(0.16);
  });

  test("leaves out processor time that was not measured", ({ expect }) => {
    const items = billOf(totals, null).map(({ item }) => item);
    expect(items).not.toContain("CPU, ms");
    expect(sumOf(billOf(totals, 0)) - sumOf(billOf(totals, null))).toBe(0);
  });

  test("counts for one life", ({ expect }) => {
    const counter = new Counter();
    for (let life = 0; life < 4; life += 1) counter.rows("INSERT docs", 1, 3);
    counter.request("Board.apply");
    expect(totalsOf(counter.taken(), 4)).toMatchObject({ rowsRead: 1, rowsWritten: 3, objectRequests: 0.25 });
  });
});
