import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { test } from "vitest";
import type { Board } from "../../objects/board/board.ts";
import { FeedMessage } from "../../schemas/session.ts";
import { operatorKey, until, upgradeOf } from "./readers.ts";
import { change } from "./timed-change.ts";

const boardOf = (workspace: string): DurableObjectStub<Board> => env.BOARD.getByName(`${workspace}/board`);

/** A page's connection, with everything it has been told. */
async function open(workspace: string, after?: string): Promise<{ told: FeedMessage[]; socket: WebSocket }> {
  const query = after === undefined ? "" : `?after=${after}`;
  const upgrade = upgradeOf(await operatorKey(workspace));
  const response = await boardOf(workspace).fetch(`https://board/feed${query}`, upgrade);
  const socket = response.webSocket!;
  const told: FeedMessage[] = [];
  socket.addEventListener("message", ({ data }) => {
    told.push(v.parse(FeedMessage, JSON.parse(String(data))));
  });
  socket.accept();
  return { told, socket };
}

const said = (told: readonly FeedMessage[]): unknown[] =>
  told.map((message) =>
    message.type === "hello" ? message.resumed : [message.summary.id, message.summary.state],
  );

test("every open page is told of what changed, once, and of nothing that did not", async ({ expect }) => {
  const board = boardOf("feed-told");
  const [one, two] = [await open("feed-told"), await open("feed-told")];
  await board.apply([change("act_a"), change("act_b")]);
  await board.apply([change("act_a"), change("act_a", { seq: 2, state: "approved" })]);
  await board.restore([change("act_b")]);
  for (const { told } of [one, two]) {
    await until(() => told.length >= 4);
    expect(said(told)).toEqual([false, ["act_a", "pending"], ["act_b", "pending"], ["act_a", "approved"]]);
  }
});

test("whoever was away for a moment is told exactly what they missed", async ({ expect }) => {
  const board = boardOf("feed-resume");
  const first = await open("feed-resume");
  await board.apply([change("act_a")]);
  await until(() => first.told.length >= 2);
  const { cursor } = first.told[1]!;
  first.socket.close(1000);
  await board.apply([change("act_b"), change("act_a", { seq: 2, state: "denied" })]);
  const again = await open("feed-resume", cursor);
  await until(() => again.told.length >= 3);
  expect(said(again.told)).toEqual([true, ["act_b", "pending"], ["act_a", "denied"]]);
});

test("whoever comes back to another life of the Board, or with a made-up cursor, is told to load anew", async ({
  expect,
}) => {
  const first = await open("feed-life");
  await boardOf("feed-life").apply([change("act_a")]);
  await until(() => first.told.length >= 2);
  const { cursor } = first.told[1]!;
  first.socket.close(1000);
  await evictDurableObject(boardOf("feed-life"));
  for (const after of [cursor, "x", `${cursor}9`, ".", "-1"]) {
    const again = await open("feed-life", after);
    await until(() => again.told.length >= 1);
    expect(said(again.told)).toEqual([false]);
  }
});
