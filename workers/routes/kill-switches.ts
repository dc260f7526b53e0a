import type * as v from "valibot";
import {
  KillSwitchBody,
  KillSwitches,
  KillSwitchView,
  ReleaseBody,
  Released,
  type KillSwitch,
} from "../../schemas/kill-switch.ts";
import { faultText } from "../../core/fault.ts";
import { governed } from "../governed.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once, type Repeatable } from "../idempotency.ts";
import { forget } from "../known.ts";
import { isOperator } from "../policy-in-force.ts";
import { refuseWith } from "../refuse.ts";
import { stopAtOnce } from "../stopping.ts";
import { registryOf } from "../stubs.ts";

/** A switch as it is shown. */
export const shownSwitch = ({ at, ...rest }: KillSwitch): v.InferOutput<typeof KillSwitchView> => ({
  ...rest,
  at: new Date(at).toISOString(),
});

/** As the Registry has them this moment: whoever looks here wants to know for sure. */
async function list({ env, principal }: Call<unknown>): Promise<Answer> {
  const switches = await registryOf(env, principal.workspace).switches();
  return { body: { switches: switches.map(shownSwitch) } };
}

function demandOperator({ snapshot, principal }: Call<unknown>): void {
  if (isOperator(snapshot, principal)) return;
  throw new ProblemError("forbidden", {
    detail: "Operators use kill switches: people of the group operators, and keys with the scope admin.",
  });
}

/** In force once it is answered; what waits is cancelled right after, and by the sweep if this comes to nothing. */
function engage(call: Call<v.InferOutput<typeof KillSwitchBody>>): Promise<Answer> {
  demandOperator(call);
  return once(call, async (): Promise<Repeatable> => {
    const { env, principal, now } = call;
    const asked = { ...call.body, by: principal.id, at: now };
    const { workspace } = principal;
    const engaged = refuseWith(await registryOf(env, workspace).engageSwitch(asked));
    forget(workspace);
    const stopping = stopAtOnce(env, workspace, engaged);
    call.waitUntil(
      stopping.catch((error: unknown) => console.error("kill switch", workspace, faultText(error))),
    );
    return { status: 201, body: shownSwitch(engaged) };
  });
}

function release(call: Call<v.InferOutput<typeof ReleaseBody>>): Promise<Answer> {
  demandOperator(call);
  return once(call, async (): Promise<Repeatable> => {
    const { env, principal, now } = call;
    const { workspace, id: actor } = principal;
    const { scope } = call.body;
    return governed(call, { kind: "switch.release", scope }, async (warning) => {
      refuseWith(await registryOf(env, workspace).releaseSwitch({ scope, actor, now }));
      forget(workspace);
      return { status: 200, body: { released: true, ...warning } };
    });
  });
}

const line = { scope: "actions:read", tag: "policy" } as const;

export const killSwitchRoutes: readonly Route[] = [
  {
    ...line,
    method: "GET",
    path: "/v1/kill-switches",
    summary: "What is stopped by kill switches",
    answer: { status: 200, schema: KillSwitches },
    handle: list,
  },
  withBody({
    ...line,
    method: "POST",
    path: "/v1/kill-switches",
    summary: "Stop a type, a glob of types or `*` at once: nothing of it is asked for, decided or run",
    body: KillSwitchBody,
    words: ["reason"],
    answer: { status: 201, schema: KillSwitchView },
    handle: engage,
  }),
  withBody({
    ...line,
    method: "POST",
    path: "/v1/kill-switches/release",
    summary: "Let what a kill switch stopped be asked for again",
    body: ReleaseBody,
    answer: { status: 200, schema: Released },
    waits: true,
    refuses: [404],
    handle: release,
  }),
];
