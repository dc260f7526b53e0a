import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { describe, onTestFinished, test } from "vitest";
import { digestOfAction, HoldpointError, verifyDigest } from "../../client/index.ts";
import { type Heartbeat, keepLease, leaseMs } from "../../client/lease.ts";
import type { ClaimAnswer } from "../../schemas/action.ts";
import { fakeAction } from "../support/fake-engine.ts";

/** A claim whose lease is `ms` long by the engine's clock, which is years away from this one. */
function claimOf(ms: number): ClaimAnswer {
  const action = fakeAction("executing", 4);
  const expiresAt = new Date(Date.parse(action.updatedAt) + ms).toISOString();
  return { lease: "lease_1", fence: 1, grant: "", expiresAt, action };
}

function keep(ms: number, heartbeat: Heartbeat) {
  const lease = keepLease(claimOf(ms), heartbeat);
  onTestFinished(() => lease.stop());
  return lease;
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const lost = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason), { once: true }));

describe("a kept lease", () => {
  test("has its length from the engine's own two times", ({ expect }) => {
    expect(leaseMs(claimOf(60_000))).toBe(60_000);
    expect(leaseMs({ ...claimOf(1), expiresAt: "never" })).toBe(1_000);
  });

  test("is renewed at a third of its length, with its lease and fence", async ({ expect }) => {
    const bodies: unknown[] = [];
    const lease = keep(1_000, (body) => {
      bodies.push(body);
      return Promise.resolve(fakeAction("executing"));
    });
    await after(1_150);
    expect(bodies).toHaveLength(3);
    expect(bodies[0]).toEqual({ lease: "lease_1", fence: 1 });
    expect(lease.signal.aborted).toBe(false);
  });

  test("is lost at once when the engine refuses to renew it", async ({ expect }) => {
    const refusal = new HoldpointError({ code: "fenced", status: 409, detail: "This lease is over." });
    const lease = keep(1_000, () => Promise.reject(refusal));
    expect(await lost(lease.signal)).toMatchObject({ code: "lease_lost", cause: refusal });
  });

  test("survives heartbeats that get lost, while one gets through within its length", async ({ expect }) => {
    let count = 0;
    const lease = keep(1_000, () => {
      count += 1;
      if (count % 3 !== 0) return Promise.reject(new HoldpointError({ code: "network", detail: "away" }));
      return Promise.resolve(fakeAction("executing"));
    });
    await after(1_800);
    expect(lease.signal.aborted).toBe(false);
  });

  test("is lost when no heartbeat gets through within its length, also when they hang", async ({
    expect,
  }) => {
    const begun = performance.now();
    const lease = keep(
      1_000,
      (_, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new Error("timeout"))),
        ),
    );
    expect(await lost(lease.signal)).toMatchObject({ code: "lease_lost" });
    expect(performance.now() - begun).toBeLessThan(1_300);
  });

  test("is not renewed after stop", async ({ expect }) => {
    let count = 0;
    const lease = keep(1_000, () => {
      count += 1;
      return Promise.resolve(fakeAction("executing"));
    });
    lease.stop();
    await after(500);
    expect(count).toBe(0);
    expect(lease.signal.aborted).toBe(false);
  });
});

describe("the digest of an action", () => {
  const { type, contractVersion, target, args, preconditions, rollbackPlan, requester, notBefore, notAfter } =
    fakeAction();
  const approved = {
    type,
    contractVersion,
    target,
    args,
    preconditions,
    rollbackPlan,
    requester,
    notBefore,
    notAfter,
  };
  const digest = `sha256:${createHash("sha256").update(canonicalize(approved)!).digest("hex")}`;

  test("is what an independent canonicaliser and hash make of what approvers agree to", async ({
    expect,
  }) => {
    await expect(digestOfAction(fakeAction())).resolves.toBe(digest);
  });

  test("holds for the action it came with, and for no changed one", async ({ expect }) => {
    const action = fakeAction("approved", 3, { digest });
    await expect(verifyDigest(action, digest)).resolves.toBeUndefined();
    const changes = [
      { args: { argv: ["rm"] } },
      { target: { resource: "prod-db-2" } },
      { rollbackPlan: {} },
      { notAfter: "2027-01-01T00:00:00.000Z" },
      { type: "db.migrate" },
    ];
    for (const change of changes) {
      await expect(verifyDigest({ ...action, ...change })).rejects.toMatchObject({ code: "bad_digest" });
    }
  });

  test("of a consistent but different action is refused where one was expected (P1)", async ({ expect }) => {
    const action = fakeAction("approved", 3, { digest });
    await expect(verifyDigest(action, `sha256:${"f".repeat(64)}`)).rejects.toMatchObject({
      code: "bad_digest",
    });
  });
});
