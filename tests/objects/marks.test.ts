import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { createHash, randomUUID } from "node:crypto";
import * as v from "valibot";
import { beforeAll, describe, test } from "vitest";
import { ActionView } from "../../schemas/action.ts";
import { stubOf, type Stub } from "./one-action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** What an action keeps of the Idempotency-Keys and bodies that it was sent. */

let workspace: Workspace;

beforeAll(async () => {
  workspace = await openWorkspace("marks");
});

type Row = { seq: number; actor: string; key: string | null; fingerprint: string | null };
const rowsOf = (stub: Stub): Promise<Row[]> =>
  runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec<Row>("SELECT seq, actor, key, fingerprint FROM events ORDER BY seq").toArray(),
  );

const bodyOf = (reason: string): Record<string, unknown> => ({
  type: "host.shell",
  target: { resource: "prod-db-1", segment: "prod-hosts" },
  args: { argv: ["uptime"] },
  reason,
});
const asks = (key: string, reason = "It does not answer") =>
  workspace.call("agent:demo", "POST", "/v1/actions", bodyOf(reason), key);
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

describe("T16 a repeated command", () => {
  test("is known again, by a row that neither has its key nor lets anybody try out its body", async ({
    expect,
  }) => {
    const keys = [`planted-${randomUUID()}`, `planted-${randomUUID()}`] as const;
    const first = await asks(keys[0]);
    const { id } = v.parse(ActionView, first.body);
    const cancels = (reason: string) =>
      workspace.call("agent:demo", "POST", `/v1/actions/${id}/cancel`, { reason }, keys[1]);
    const cancelled = await cancels("not needed");
    const stub = stubOf(workspace, id);
    for (const again of [false, true]) {
      if (again) await evictDurableObject(stub);
      expect(await asks(keys[0])).toEqual(first);
      expect(await cancels("not needed")).toEqual(cancelled);
      expect(await asks(keys[0], "something else")).toMatchObject({ status: 422 });
      expect(await cancels("something else")).toMatchObject({ status: 422 });
    }
    const rows = await rowsOf(stub);
    expect(rows.map(({ key }) => key?.length)).toEqual([43, 43]);
    const text = JSON.stringify(rows);
    const body = JSON.stringify(bodyOf("It does not answer"));
    for (const told of [...keys, ...keys.map(sha256), sha256(body), "create:", "cancel:"]) {
      expect(text).not.toContain(told);
    }
    // The same key and body elsewhere look otherwise.
    const other = await asks(`planted-${randomUUID()}`);
    const [row] = await rowsOf(stubOf(workspace, v.parse(ActionView, other.body).id));
    expect(text).not.toContain(row?.fingerprint);
  });

  test("is known again by a row of before, which has both as they were sent", async ({ expect }) => {
    const key = `planted-${randomUUID()}`;
    const first = await asks(key);
    const stub = stubOf(workspace, v.parse(ActionView, first.body).id);
    const fingerprint = sha256(JSON.stringify(bodyOf("It does not answer")));
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("DROP TRIGGER events_unchanged");
      storage.sql.exec("UPDATE events SET key = ?, fingerprint = ?", key, fingerprint);
    });
    expect(await asks(key)).toEqual(first);
    expect(await asks(key, "something else")).toMatchObject({ status: 422 });
  });
});
