import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "vitest";
import { groupGone } from "../support/process-group.ts";

test("a group is gone when the last of it is dead, and not when its leader is", async ({ expect }) => {
  const leader = spawn("sh", ["-c", "sleep 60 & exit 0"], { detached: true, stdio: "ignore" });
  const group = leader.pid ?? 0;
  await once(leader, "exit");
  let gone = false;
  const waited = groupGone(group).then(() => (gone = true));
  await delay(100);
  expect(gone).toBe(false);
  process.kill(-group, "SIGKILL");
  await waited;
});
