import { describe, test } from "vitest";
import type { CommandType } from "../../core/machine/command.ts";
import type { Step } from "../../core/machine/step.ts";
import { transitions } from "../../core/machine/transitions.ts";
import { states } from "../../schemas/action.ts";
import { cast, contractOf, payloadOf } from "../model/cast.ts";
import { Play } from "../model/play.ts";

const parts = { rollback: { window: "1m" }, breakGlass: { by: [cast.erin.id] } };
const contract = contractOf(parts);
const twice = contractOf({ ...parts, idempotent: true, maxAttempts: 2 });

const requested = (one = contract): Play => new Play(payloadOf(one)).request();
/** A play, brought further. */
const after = (play: Play, ...moves: ((play: Play) => void)[]): Play => {
  for (const move of moves) move(play);
  return play;
};
const approve = (play: Play): void => void play.vote(cast.alice, "approve");
const breakGlass = (play: Play): void => void play.breakGlass(cast.erin);
const claim = (play: Play): void => void play.claim();
const succeed = (play: Play): void => void play.report();
const fail =
  (effect: "none" | "partial") =>
  (play: Play): void =>
    void play.report({ outcome: "failed", effect });
const loseLease = (play: Play): void => void play.wait(10_000).tick();
const rollBack = (play: Play): void => void play.rollback();
const executed = (): Play => after(requested(), approve, claim, succeed);

/** Every state, where it matters more than one way of being in it, by the commands that lead there. */
const places: Readonly<Record<string, () => Play>> = {
  new: () => new Play(payloadOf(contract)),
  pending: () => requested(),
  approved: () => after(requested(), approve),
  "approved, glass broken": () => after(requested(), breakGlass),
  executing: () => after(requested(), approve, claim),
  "executing, lease lost": () => after(requested(twice), approve, claim, loseLease),
  executed: executed,
  "failed{none}": () => after(requested(), approve, claim, fail("none")),
  "failed{partial}": () => after(requested(), approve, claim, fail("partial")),
  "failed{unknown}": () => after(requested(), approve, claim, loseLease),
  "failed{unknown}, resolved": () => after(requested(), approve, claim, loseLease, fail("partial")),
  rolling_back: () => after(executed(), rollBack),
  "rolling_back, claimed": () => after(executed(), rollBack, claim),
  rolled_back: () => after(executed(), rollBack, claim, succeed),
  rollback_failed: () => after(executed(), rollBack, claim, fail("partial")),
  denied: () => after(requested(), (play) => play.vote(cast.alice, "deny")),
  cancelled: () => after(requested(), (play) => play.stop("cancel", cast.demo)),
  expired: () => after(requested(), (play) => play.wait(600_000).tick()),
};

/** Each command by somebody who may, in a way that asks for nothing special. */
const commands: Readonly<Record<Exclude<CommandType, "tick">, (play: Play) => Step>> = {
  create: (play) => play.do({ type: "create", actor: cast.demo }),
  vote: (play) => play.vote(cast.bob, "approve"),
  cancel: (play) => play.stop("cancel", cast.demo),
  revoke: (play) => play.stop("revoke", cast.omar),
  supersede: (play) => play.supersede(),
  stopByPolicy: (play) => play.stopByPolicy(),
  claim: (play) => play.claim(),
  heartbeat: (play) => play.heartbeat(),
  report: (play) => play.report(),
  rollback: (play) => play.rollback(),
  escalate: (play) => play.do({ type: "escalate", actor: cast.demo, level: 1 }),
  breakGlass: (play) => play.breakGlass(cast.erin),
  review: (play) => play.review(cast.alice),
  feedback: (play) =>
    play.do({ type: "feedback", actor: cast.dave, label: "harm", incident: null, note: null }),
};

/**
 * What semantics §2 and §7 say of every state and command, written down by hand and not taken from the table: where it
 * leads, the code it is refused with, or `again` for the first answer once more. `-` is `wrong_state`, logged as late.
 */
const expected = `
                           create   vote      cancel                revoke             supersede              stopByPolicy       claim         heartbeat     report       rollback      escalate  breakGlass  review  feedback
new                        pending  refused   refused               refused            refused                refused            refused       refused       refused      refused  refused  refused  refused  refused
pending                    -        approved  cancelled{requester}  -                  cancelled{superseded}  cancelled{policy}  -             -             -            -  pending  approved  -  pending
approved                   -        -         cancelled{requester}  cancelled{revoked} cancelled{superseded}  cancelled{policy}  executing     -             -            -  -  -  wrong_state  approved
approved, glass broken     -  -  cancelled{requester}  cancelled{revoked}  cancelled{superseded}  cancelled{policy}  executing  -  -  -  -  -  approved  approved
executing                  -        -         -                     -                  -                      -                  leased        executing     executed     -  -  -  wrong_state  executing
executing, lease lost      -        -         -                     -                  -                      -                  executing     fenced        fenced       -  -  -  wrong_state  executing
executed                   -        -         -                     -                  -                      -                  -             -             again        rolling_back  -  -  wrong_state  executed
failed{none}               -        -         -                     -                  -                      -                  -             -             again        wrong_state  -  -  wrong_state  failed{none}
failed{partial}            -        -         -                     -                  -                      -                  -             -             again        rolling_back  -  -  wrong_state  failed{partial}
failed{unknown}            -        -         -                     -                  -                      -                  -             -             executed     rolling_back  -  -  wrong_state  failed{unknown}
failed{unknown}, resolved  -        -         -                     -                  -                      -                  -             -             again        rolling_back  -  -  wrong_state  failed{partial}
rolling_back               -        -         -                     -                  -                      -                  rolling_back  fenced        again        -  -  -  wrong_state  rolling_back
rolling_back, claimed      -        -         -                     -                  -                      -                  leased        rolling_back  rolled_back  -  -  -  wrong_state  rolling_back
rolled_back                -        -         -                     -                  -                      -                  -             -             again        -  -  -  wrong_state  rolled_back
rollback_failed            -        -         -                     -                  -                      -                  -             -             again        -  -  -  wrong_state  rollback_failed
denied                     -        -         -                     -                  -                      -                  -             -             -            -  -  -  -  denied
cancelled                  -        -         -                     -                  -                      -                  -             -             -            -  -  -  wrong_state  cancelled{requester}
expired                    -        -         -                     -                  -                      -                  -             -             -            -  -  -  wrong_state  expired{pending}
`;

const [head = "", ...lines] = expected
  .trim()
  .split("\n")
  .map((line) => line.trim());
const columns = head.split(/\s+/u);
const rows = lines.map((line) => {
  const [place = "", ...cells] = line.split(/\s{2,}|(?<=\}) /u);
  return { place, cells };
});

describe("the table", () => {
  test("has a row here for every place and a column for every command", ({ expect }) => {
    expect(columns.toSorted()).toEqual(Object.keys(commands).toSorted());
    expect(rows.map(({ place }) => place)).toEqual(Object.keys(places));
    expect(rows.every(({ cells }) => cells.length === columns.length)).toBe(true);
    expect(Object.keys(transitions).toSorted()).toEqual(["new", ...states].toSorted());
    const covered = new Set(Object.values(places).map((make) => make().state.state));
    expect([...covered].toSorted()).toEqual([...states].toSorted());
  });

  for (const { place, cells } of rows) {
    describe(`in ${place}`, () => {
      for (const [index, command] of columns.entries()) {
        const want = cells[index] ?? "";
        test(`${command} ${want === "-" ? "comes too late" : `is ${want}`}`, ({ expect }) => {
          const play = places[place]!();
          const before = play.state;
          const made = commands[command as keyof typeof commands](play);
          const types = made.events.map(({ type }) => type);
          if (want === "-") {
            expect(made.refusal?.code).toBe("wrong_state");
            expect(types).toEqual(["late_command"]);
            expect({ ...made.state, seq: 0, at: 0, lateEvents: 0 }).toEqual({
              ...before,
              seq: 0,
              at: 0,
              lateEvents: 0,
            });
          } else if (want === "refused" || want === "wrong_state") {
            expect(made.refusal?.code).toBe("wrong_state");
            expect(made.state).toBe(before);
          } else if (want === "leased" || want === "fenced") {
            expect(made.refusal?.code).toBe(want);
            expect(types).toEqual(want === "fenced" && command === "report" ? ["fenced_report"] : []);
          } else if (want === "again") {
            expect(made).toEqual({
              events: [],
              state: before,
              refusal: null,
              answerSeq: before.reported?.seq,
            });
          } else {
            expect(made.refusal).toBeNull();
            expect(play.place).toBe(want);
            expect(made.events.length).toBeGreaterThan(0);
          }
        });
      }
    });
  }
});

describe("late commands", () => {
  test("are kept as evidence with who, what and why (P10, P11)", ({ expect }) => {
    const play = after(requested(), approve);
    play.vote(cast.bob, "deny");
    expect(play.events.at(-1)).toMatchObject({
      type: "late_command",
      state: "approved",
      actor: cast.bob,
      reason: "too risky",
      data: { command: "vote", decision: "deny" },
    });
  });

  test("say what state it is in and what to do instead", ({ expect }) => {
    for (const make of Object.values(places).slice(1)) {
      const play = make();
      const { refusal } = play.do({ type: "create", actor: cast.demo });
      expect(refusal?.detail).toMatch(
        new RegExp(`^create is not possible now: the action is ${play.state.state}\\. \\S.*\\.$`, "u"),
      );
    }
  });

  test("are refused and no longer noted after the 64th, and so are stale reports", ({ expect }) => {
    const play = after(requested(), approve, claim);
    for (let times = 0; times < 40; times += 1) play.vote(cast.bob, "approve");
    for (let times = 0; times < 40; times += 1) play.report({}, { lease: "stolen", fence: 9 });
    expect(play.events.filter(({ type }) => type === "late_command")).toHaveLength(40);
    expect(play.events.filter(({ type }) => type === "fenced_report")).toHaveLength(24);
    expect(play.state.lateEvents).toBe(64);
    const made = play.vote(cast.bob, "approve");
    expect(made).toMatchObject({ refusal: { code: "wrong_state" }, events: [] });
    expect(play.report().refusal).toBeNull();
    expect(play.place).toBe("executed");
  });
});
