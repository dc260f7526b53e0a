import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Buffer } from "node:buffer";
import { afterEach, beforeAll, beforeEach, describe, test, vi } from "vitest";
import * as v from "valibot";
import { Action } from "../../objects/action/action.ts";
import type { Known, NewAction } from "../../objects/action/messages.ts";
import {
  newDataKey,
  openText,
  sealText,
  unwrapKey,
  workspaceKey,
  workspaceKeys,
  wrapKey,
} from "../../objects/at-rest.ts";
import { ActionView } from "../../schemas/action.ts";
import { callsOn, catchMessages, kept, stubOf, type Stub } from "./one-action.ts";
import { everyText, mark } from "./planted.ts";
import { current } from "./registries.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

const keyOf = (byte: number): string => Buffer.alloc(32, byte).toString("base64");
const first = keyOf(1);
const second = keyOf(2);
const sealedBy = (key: string): { HOLDPOINT_SEAL_KEY: string } => ({ HOLDPOINT_SEAL_KEY: key });

describe("a data key", () => {
  const key = newDataKey();

  test("opens what it sealed, as what it was sealed, and nothing else does (T13)", ({ expect }) => {
    const sealed = sealText(key, "acme/act_1/payload/operational", "räksmörgås");
    expect(openText(key, "acme/act_1/payload/operational", sealed)).toBe("räksmörgås");
    expect(openText(key, "acme/act_2/payload/operational", sealed)).toBeNull();
    expect(openText(newDataKey(), "acme/act_1/payload/operational", sealed)).toBeNull();
    expect(sealText(key, "acme/act_1/payload/operational", "räksmörgås")).not.toBe(sealed);
  });

  test("opens nothing that was touched, at any place, or is no sealed text at all", ({ expect }) => {
    const sealed = sealText(key, "about", "text");
    // The last character stands for bits that may mean nothing.
    for (let at = 0; at < sealed.length - 1; at += 1) {
      const other = sealed[at] === "A" ? "Q" : "A";
      const touched = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`;
      expect(openText(key, "about", touched), `at ${at}`).toBeNull();
    }
    for (const text of ["", "1:", "2:a:b", "plain", sealed.slice(0, -8)]) {
      expect(openText(key, "about", text)).toBeNull();
    }
  });

  test("stands wrapped where the engine has a key, and as it is where it has none", ({ expect }) => {
    const wrapped = wrapKey(sealedBy(first), "about", key);
    expect(wrapped).toMatch(/^sealed:1:[0-9a-f]{16}:/u);
    expect(wrapped).not.toContain(key);
    expect(unwrapKey(sealedBy(first), "about", wrapped)).toBe(key);
    expect(unwrapKey(sealedBy(first), "elsewhere", wrapped)).toBeNull();
    expect(unwrapKey(sealedBy(second), "about", wrapped)).toBeNull();
    expect(unwrapKey({}, "about", wrapped)).toBeNull();
    expect(unwrapKey(sealedBy(`${second},${first}`), "about", wrapped)).toBe(key);
    expect(wrapKey({}, "about", key)).toBe(`plain:${key}`);
    expect(unwrapKey({}, "about", `plain:${key}`)).toBe(key);
    expect(unwrapKey(sealedBy(first), "about", `plain:${key}`)).toBe(key);
  });

  test("of a whole workspace is one for each workspace and purpose, and there is none without a key", ({
    expect,
  }) => {
    const own = sealedBy(first);
    const keys = [
      workspaceKey(own, "acme", "board"),
      workspaceKey(own, "acme", "redaction"),
      workspaceKey(own, "other", "board"),
      workspaceKey(sealedBy(second), "acme", "board"),
    ];
    expect(new Set(keys).size).toBe(4);
    for (const one of keys) expect(Buffer.from(one ?? "", "base64url")).toHaveLength(32);
    expect(workspaceKey(own, "acme", "board")).toBe(keys[0]);
    expect(workspaceKeys(sealedBy(`${second},${first}`), "acme", "board")).toEqual([keys[3], keys[0]]);
    expect(workspaceKey({}, "acme", "board")).toBeNull();
  });

  test.for(["", "short", `${first},`, "x".repeat(44)])(
    "is wrapped under no key that is none: %j",
    (bad, { expect }) => {
      expect(() => wrapKey(sealedBy(bad), "about", key)).toThrow("32 bytes of base64");
    },
  );
});

let workspace: Workspace;
let known: Known;

beforeAll(async () => {
  workspace = await openWorkspace("at-rest");
  const registry = env.REGISTRY.getByName(`${workspace.name}/registry`);
  const { policy, directory } = await current({ registry, workspace: workspace.name });
  known = {
    policyVersion: policy!.version,
    directory,
    roles: policy!.document.roles,
    operator: false,
    subscribers: [],
  };
});
beforeEach(() => void catchMessages());
afterEach(() => void vi.restoreAllMocks());

const parts = {
  target: { resource: `${mark}-target`, segment: "prod-hosts" },
  args: { argv: ["echo", `${mark}-argument`] },
  reason: `${mark}-reason`,
  context: { note: `${mark}-context` },
  preconditions: { host: `${mark}-precondition` },
  rollbackPlan: { argv: [`${mark}-plan`] },
};

/** A whole life, with a word from everybody who has a say. */
async function lived(): Promise<Stub> {
  const action = await workspace.ask(parts);
  const { must, claim, stub } = { ...calls(action), stub: stubOf(workspace, action.id) };
  const { digest } = action;
  await must("person:bob", "votes", { decision: "approve", digest, reason: `${mark}-vote` });
  const { lease, fence } = await claim();
  const report = {
    outcome: "failed",
    effect: "partial",
    summary: `${mark}-summary`,
    evidence: { log: `${mark}-report` },
  };
  await must("agent:demo", "report", { lease, fence, ...report });
  await must("person:bob", "feedback", { label: "harm", note: `${mark}-note` });
  return stub;
}

function calls(action: ActionView) {
  const { post, claim: _, ...rest } = callsOn(workspace, action);
  const must = async (who: string, verb: string, body: object): Promise<unknown> => {
    const answer = await post(who, verb, body);
    if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
    return answer.body;
  };
  const claim = async () =>
    v.parse(
      v.object({ lease: v.string(), fence: v.number() }),
      await must("agent:demo", "claim", { digest: action.digest, preconditions: parts.preconditions }),
    );
  return { ...rest, must, claim };
}

/** The same storage under an engine that holds another key, or none. */
function under<Value>(
  stub: Stub,
  key: string | undefined,
  run: (action: Action, storage: DurableObjectStorage) => Value,
): Promise<Value> {
  const settings = key === undefined ? env : { ...env, HOLDPOINT_SEAL_KEY: key };
  return runInDurableObject(stub, (_, state) => run(new Action(state, settings), state.storage));
}

/** An action that was asked for under a key. */
async function sealedUnder(key: string | undefined, id: string): Promise<Stub> {
  const { payload } = await kept(stubOf(workspace, (await workspace.ask(parts)).id));
  const { createdAt: _, ...asked } = payload;
  const stub = stubOf(workspace, id);
  const request: NewAction = {
    payload: { ...asked, id },
    known,
    channels: [],
    key: "the key",
    fingerprint: "f",
    origin: "https://x.invalid",
  };
  const reply = await under(stub, key, (action) => action.create(request));
  if (reply.kind !== "done") throw new Error(JSON.stringify(reply));
  return stub;
}

const viewOf = (text: string | null): ActionView => v.parse(ActionView, JSON.parse(text ?? "null"));
const deny = { type: "vote", decision: "deny", reason: `${mark}-vote`, via: "api" } as const;
const bob = { kind: "person", id: "person:bob" } as const;

function denied(action: Action, digest: string): string {
  const command = { ...deny, actor: bob, digest };
  const told = { command, known, key: null, fingerprint: "f", origin: "https://x.invalid" };
  try {
    return action.tell(told).kind;
  } catch (error) {
    return String(error);
  }
}

const act = (nth: number): string => `act_${String(nth).repeat(22)}`;

describe("T13 what an action holds", () => {
  test("stands in no row of any table in clear, over a whole life", async ({ expect }) => {
    const stub = await lived();
    const text = await runInDurableObject(stub, (_, { storage }) => everyText(storage.sql));
    expect(text).not.toContain(mark);
    expect(text).not.toContain("lse_");
    // The control: the key opens all of it, and nothing less was there to be found.
    const { payload, stored, events } = await kept(stub);
    const opened = JSON.stringify([payload, stored, events]);
    const words = [
      "vote",
      "summary",
      "report",
      "note",
      "precondition",
      "plan",
      "context",
      "argument",
      "target",
      "reason",
    ];
    for (const word of words) expect(opened).toContain(`${mark}-${word}`);
    expect(opened).toContain("lse_");
  });

  test("opens with the engine's key only, and says so where that is lost", async ({ expect }) => {
    const stub = await sealedUnder(first, act(1));
    const before = await runInDurableObject(stub, (_, { storage }) => everyText(storage.sql));
    expect(before).not.toContain("plain:");
    const { digest } = viewOf(await under(stub, first, (action) => action.view()));
    for (const key of [second, undefined, "no key"]) {
      const view = viewOf(await under(stub, key, (action) => action.view()));
      expect([view.target.resource, view.args, view.reason]).toEqual(["[erased]", {}, "[erased]"]);
      expect(view.erased).toBeUndefined();
      const said = await under(stub, key, (action) => denied(action, digest));
      expect(said).toContain("HOLDPOINT_SEAL_KEY");
      expect(said).toContain(act(1));
      const evidence = await under(stub, key, (action) => action.evidence());
      const { entries } = v.parse(
        v.object({
          entries: v.array(v.object({ text: v.string(), openings: v.record(v.string(), v.unknown()) })),
        }),
        JSON.parse(evidence ?? ""),
      );
      expect(entries.map(({ openings }) => openings)).toEqual([{}]);
      expect(entries[0]?.text).toContain('"requested"');
    }
    expect(await runInDurableObject(stub, (_, { storage }) => everyText(storage.sql))).toBe(before);
    const view = viewOf(await under(stub, first, (action) => action.view()));
    expect(JSON.stringify(view)).toContain(`${mark}-argument`);
    expect(await under(stub, first, (action) => denied(action, digest))).toBe("done");
  });

  test("moves to a new key beside the old one with its next write, and then needs the old one no more", async ({
    expect,
  }) => {
    for (const [nth, before] of [first, undefined].entries()) {
      const stub = await sealedUnder(before, act(2 + nth));
      const { digest } = viewOf(await under(stub, before, (action) => action.view()));
      const after = before === undefined ? second : `${second}, ${before}`;
      expect(await under(stub, after, (action) => denied(action, digest))).toBe("done");
      const { reason, votes } = viewOf(await under(stub, second, (action) => action.view()));
      expect([reason, votes[0]?.reason]).toEqual([`${mark}-reason`, `${mark}-vote`]);
      const text = await runInDurableObject(stub, (_, { storage }) => everyText(storage.sql));
      expect(text).not.toContain("plain:");
    }
  });

  test("that does not open with its own key is a fault, and nothing is written over it", async ({
    expect,
  }) => {
    const stub = await sealedUnder(first, act(4));
    const other = await sealedUnder(first, act(5));
    const rowOf = (of: Stub): Promise<string> =>
      runInDurableObject(
        of,
        (_, { storage }) =>
          storage.sql.exec<{ body: string }>("SELECT body FROM docs WHERE id = 1").one().body,
      );
    const [own, others] = [await rowOf(stub), await rowOf(other)];
    const { digest } = viewOf(await under(stub, first, (action) => action.view()));
    const swapped = { ...JSON.parse(own), sealed: JSON.parse(others).sealed };
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("UPDATE docs SET body = ? WHERE id = 1", JSON.stringify(swapped));
    });
    expect(await under(stub, first, (action) => denied(action, digest))).toContain(
      "put them back from a backup",
    );
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("UPDATE docs SET body = ? WHERE id = 1", own);
    });
    expect(await under(stub, first, (action) => denied(action, digest))).toBe("done");
  });
});
