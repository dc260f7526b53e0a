import { nextDue } from "../../core/machine/deadlines.ts";
import { unborn } from "../../core/machine/fold.ts";
import { transitions, type Cell } from "../../core/machine/transitions.ts";
import { states, type Detail } from "../../schemas/action.ts";
import type { ActionState } from "../../schemas/stored.ts";
import { clocks, contractOf, createdAt, payloadOf } from "../model/cast.ts";

/** Where the machine's table and clocks lead, for whoever draws or models it. `command` is null where it is a clock. */
export type Arrow = {
  readonly from: string;
  readonly to: string;
  readonly label: string;
  readonly command: string | null;
};

const withDetail = (name: string, detail: Detail | null | undefined): string =>
  detail === null || detail === undefined ? name : `${name} (${detail})`;

/** Guards choose between the edges of a cell; where there is only one, it needs no naming. */
const labelOf = (command: string, { if: guards = [], detail }: Cell["edges"][number]): string =>
  withDetail(guards.length === 0 ? command : `${command} [${guards.join(", ")}]`, detail);

/** What is said of an action leads nowhere, from any state: drawn, it would only hide the ends. */
export function commandArrows(): Arrow[] {
  return Object.entries(transitions).flatMap(([place, row]) =>
    Object.entries(row)
      .filter(([command]) => command !== "feedback")
      .flatMap(([command, { edges }]: [string, Cell]) =>
        edges.map((edge) => ({
          from: place === "new" ? "[*]" : place,
          to: edge.to,
          label: labelOf(command, edge),
          command,
        })),
      ),
  );
}

const clockOf = {
  pending: "pendingTtl",
  approval: "approvalTtl",
  lease: "leaseTtl",
  execution: "executionMax",
  rollback: "rollback window",
  review: "reviewDue",
} as const satisfies Record<keyof ActionState["deadlines"], string>;

/** Where broken glass leads; elsewhere there is nothing to be reviewed. */
const reviewedIn = new Set<string>(states.filter((state) => transitions[state].review !== undefined));

/** Each deadline tried alone in each state, for a contract that lets a lost lease be claimed again and for one that does not. */
export function deadlineArrows(): Arrow[] {
  const contracts = [contractOf({}), contractOf({ idempotent: true, maxAttempts: 2 })];
  const never = { pending: null, approval: null, lease: null, execution: null, rollback: null, review: null };
  const broken = {
    person: "person:erin",
    identity: "person:erin",
    use: "use",
    incident: "INC-1",
    reason: "",
  };
  const breakGlass = { ...broken, at: createdAt, dueAt: createdAt + 1, overdue: false, review: null };
  return states.flatMap((state) =>
    (Object.keys(clockOf) as (keyof typeof clockOf)[]).flatMap((name) =>
      contracts.flatMap((contract): Arrow[] => {
        const payload = payloadOf(contract);
        const there = {
          ...unborn(payload),
          state,
          reminded: true,
          escalations: 1,
          deadlines: { ...never, [name]: createdAt + 1 },
          breakGlass: name === "review" && reviewedIn.has(state) ? breakGlass : null,
        };
        const draft = nextDue(payload, there)?.draft;
        if (draft === undefined) return [];
        const label =
          contract.idempotent && draft.type === "lease_lost"
            ? `${clockOf[name]} [idempotent]`
            : clockOf[name];
        return [{ from: state, to: draft.state, label: withDetail(label, draft.detail), command: null }];
      }),
    ),
  );
}

/** Reminders change no state and are drawn on it. */
export function reminderArrows(): Arrow[] {
  const payload = payloadOf(contractOf({ clocks }));
  const pending: ActionState = { ...unborn(payload), state: "pending" };
  const reminded = nextDue(payload, pending)?.draft;
  const escalated = nextDue(payload, { ...pending, reminded: true })?.draft;
  return [reminded, escalated].flatMap((draft) =>
    draft === undefined ? [] : [{ from: "pending", to: draft.state, label: draft.type, command: null }],
  );
}
