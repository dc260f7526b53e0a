import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import policy from "../../scripts/starter/policy.json" with { type: "json" };
import { engine } from "../../core/machine/emissions.ts";
import type { Command } from "../../core/machine/command.ts";
import type { CarriedOut } from "../../objects/registry/proposals.ts";
import { ActionView } from "../../schemas/action.ts";
import { Snapshot } from "../../schemas/snapshot.ts";
import { sweep } from "../../workers/cron.ts";
import { knownFor } from "../../workers/policy-in-force.ts";
import { catchMessages, stubOf } from "./one-action.ts";
import { must } from "./registries.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** What the engine carries out itself, with the Worker dead at every step, and with the world moved on between any two. */

beforeEach(() => void catchMessages());
afterEach(() => vi.restoreAllMocks());

const registryOf = ({ name }: Workspace) => env.REGISTRY.getByName(`${name}/registry`);
const described = (description: string): object => ({ ...policy, description });

let made = 0;
/** A workspace with two operators, alice and bob, who both have to agree to what its service asks for. */
async function twoOperators(): Promise<Workspace> {
  made += 1;
  const workspace = await openWorkspace(`engine-actions-${made}`);
  const members = ["person:alice", "person:bob"];
  await must(registryOf(workspace).putGroup({ id: "operators", members }, "test", Date.now()));
  return workspace;
}

async function proposed(workspace: Workspace, description: string): Promise<ActionView> {
  const { status, body } = await workspace.call("service:operator", "POST", "/v1/policy", {
    document: described(description),
  });
  if (status !== 202) throw new Error(JSON.stringify(body));
  return v.parse(ActionView, body);
}

async function snapshotOf(workspace: Workspace): Promise<Snapshot> {
  const { snapshot } = await registryOf(workspace).known(null);
  return v.parse(v.pipe(v.string(), v.parseJson(), Snapshot), snapshot);
}

/** A command as a Worker would send it that dies right after. */
async function tells(workspace: Workspace, action: ActionView, command: Command): Promise<void> {
  const { id } = command.actor;
  const principal = { workspace: workspace.name, kind: "service", id, scopes: [], keyId: "" } as const;
  const known = knownFor(await snapshotOf(workspace), principal, "votes", action.type);
  const told = { command, known, key: null, fingerprint: "", origin: "https://holdpoint.invalid" };
  const reply = await stubOf(workspace, action.id).tell(told);
  if (reply.kind !== "done") throw new Error(JSON.stringify(reply));
}

async function agreed(workspace: Workspace, action: ActionView): Promise<void> {
  for (const id of ["person:alice", "person:bob"]) {
    const actor = { kind: "person" as const, id };
    const { digest } = action;
    await tells(workspace, action, {
      type: "vote",
      actor,
      decision: "approve",
      digest,
      reason: null,
      via: "api",
    });
  }
}

async function claimed(workspace: Workspace, action: ActionView): Promise<void> {
  const { digest, preconditions } = action;
  const leaseId = `lse_engine_${action.id.slice("act_".length)}`;
  await tells(workspace, action, { type: "claim", actor: engine, digest, preconditions, leaseId });
}

const makes = (workspace: Workspace, { id }: ActionView): Promise<CarriedOut | null> =>
  registryOf(workspace).carryOut({ action: id, now: Date.now() });

async function stateOf(workspace: Workspace, { id }: ActionView): Promise<string> {
  const view = v.parse(ActionView, JSON.parse((await stubOf(workspace, id).view()) ?? "null"));
  return view.detail === null ? view.state : `${view.state}{${view.detail}}`;
}
const inForce = async (workspace: Workspace): Promise<string | undefined> =>
  (await snapshotOf(workspace)).policy?.document.description;
const activations = async (workspace: Workspace): Promise<number> =>
  (await registryOf(workspace).changes()).filter(({ kind }) => kind === "policy.activated").length;

describe("T23 what was agreed to", () => {
  const steps: [died: string, before: (workspace: Workspace, action: ActionView) => Promise<unknown>][] = [
    ["approved", async () => undefined],
    ["claimed", claimed],
    [
      "made",
      async (workspace, action) => {
        await claimed(workspace, action);
        await makes(workspace, action);
      },
    ],
    [
      "made twice",
      async (workspace, action) => {
        await claimed(workspace, action);
        const first = await makes(workspace, action);
        const again = await makes(workspace, action);
        if (JSON.stringify(again) !== JSON.stringify(first)) throw new Error("another answer");
      },
    ],
  ];
  test.for(steps)(
    "is carried out by the sweep, once, where the Worker died when it was %s",
    async ([, before], { expect }) => {
      const workspace = await twoOperators();
      const action = await proposed(workspace, "the next one");
      const earlier = await activations(workspace);
      await agreed(workspace, action);
      await before(workspace, action);
      await sweep(env, Date.now());
      await sweep(env, Date.now());
      expect(await stateOf(workspace, action)).toBe("executed");
      expect(await inForce(workspace)).toBe("the next one");
      expect((await activations(workspace)) - earlier).toBe(1);
      expect(await registryOf(workspace).waitingProposals()).toEqual([]);
    },
  );

  test("is taken up again where the lease over it was lost", async ({ expect }) => {
    const workspace = await twoOperators();
    const action = await proposed(workspace, "the next one");
    await agreed(workspace, action);
    await claimed(workspace, action);
    vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ["Date"] });
    try {
      await sweep(env, Date.now());
      expect(await stateOf(workspace, action)).toBe("executed");
      expect(await inForce(workspace)).toBe("the next one");
    } finally {
      vi.useRealTimers();
    }
  });

  test("is cancelled where the version it was asked on has moved on since", async ({ expect }) => {
    const workspace = await twoOperators();
    const action = await proposed(workspace, "late");
    await agreed(workspace, action);
    const between = { document: described("first"), actor: "test", note: null, now: Date.now() };
    await must(registryOf(workspace).publishPolicy(between));
    await sweep(env, Date.now());
    expect(await stateOf(workspace, action)).toBe("cancelled{drift}");
    expect(await inForce(workspace)).toBe("first");
    expect(await makes(workspace, action)).toMatchObject({ applied: false });
  });

  test("changes nothing where the version moved on after the claim", async ({ expect }) => {
    const workspace = await twoOperators();
    const action = await proposed(workspace, "late");
    await agreed(workspace, action);
    await claimed(workspace, action);
    const between = { document: described("first"), actor: "test", note: null, now: Date.now() };
    await must(registryOf(workspace).publishPolicy(between));
    await sweep(env, Date.now());
    expect(await stateOf(workspace, action)).toBe("failed{none}");
    expect(await inForce(workspace)).toBe("first");
  });

  test("is lost with the operator who agreed to it", async ({ expect }) => {
    const workspace = await twoOperators();
    const action = await proposed(workspace, "the next one");
    await agreed(workspace, action);
    const members = ["person:alice", "person:carol"];
    await must(registryOf(workspace).putGroup({ id: "operators", members }, "test", Date.now()));
    await sweep(env, Date.now());
    expect(await stateOf(workspace, action)).toBe("cancelled{quorum_lost}");
    expect(await inForce(workspace)).not.toBe("the next one");
  });
});

describe("what was not agreed to", () => {
  test("is dropped where it was denied, and where nobody decided in time", async ({ expect }) => {
    const workspace = await twoOperators();
    const [denied, expired] = [await proposed(workspace, "denied"), await proposed(workspace, "expired")];
    const deny = { decision: "deny", digest: denied.digest, reason: "no" };
    await workspace.call("person:alice", "POST", `/v1/actions/${denied.id}/votes`, deny);
    vi.useFakeTimers({ now: Date.now() + 25 * 3_600_000, toFake: ["Date"] });
    try {
      await sweep(env, Date.now());
    } finally {
      vi.useRealTimers();
    }
    for (const action of [denied, expired]) {
      expect(await makes(workspace, action)).toMatchObject({ applied: false });
    }
    expect(await registryOf(workspace).waitingProposals()).toEqual([]);
    expect(await inForce(workspace)).toBe(policy.description);
  });

  test("is not made before anybody has decided", async ({ expect }) => {
    const workspace = await twoOperators();
    const action = await proposed(workspace, "too early");
    await sweep(env, Date.now());
    expect(await stateOf(workspace, action)).toBe("pending");
    expect(await inForce(workspace)).toBe(policy.description);
  });

  test("leaves nothing behind of its rehearsal", async ({ expect }) => {
    const workspace = await twoOperators();
    const before = await runInDurableObject(registryOf(workspace), (_, { storage }) =>
      storage.sql
        .exec(
          "SELECT (SELECT count(*) FROM policies) AS n, (SELECT value FROM meta WHERE key = 'version') AS v",
        )
        .one(),
    );
    await proposed(workspace, "rehearsed");
    const after = await runInDurableObject(registryOf(workspace), (_, { storage }) =>
      storage.sql
        .exec(
          "SELECT (SELECT count(*) FROM policies) AS n, (SELECT value FROM meta WHERE key = 'version') AS v",
        )
        .one(),
    );
    expect(after).toEqual(before);
  });
});
