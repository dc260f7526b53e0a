import { describe, test } from "vitest";
import { linearize, type Operation, type Specification } from "../support/linear.ts";

/** The checker of histories, on a register and a lock: what it must take, and what it must not. */

type Input = { write: number } | "read" | "take" | "free";
type Output = number | boolean;
type State = { value: number; taken: boolean };

const one: Specification<State, Input, Output> = {
  first: { value: 0, taken: false },
  apply: (state, input) => {
    if (input === "read") return { state, output: state.value };
    if (input === "take") return { state: { ...state, taken: true }, output: !state.taken };
    if (input === "free") return { state: { ...state, taken: false }, output: true };
    return { state: { ...state, value: input.write }, output: true };
  },
  agrees: (said, specified) => said === specified,
  key: ({ value, taken }) => `${value} ${taken}`,
};

/** From when to when, what was asked, and what was answered; null for what nobody heard of. */
const op = (
  called: number,
  returned: number,
  input: Input,
  output: Output | null,
): Operation<Input, Output> => ({ called, returned, input, output });

const good: Readonly<Record<string, Operation<Input, Output>[]>> = {
  "nothing at all": [],
  "one after the other": [op(0, 1, { write: 1 }, true), op(2, 3, "read", 1)],
  "a read beside a write that sees it, and one that does not": [
    op(0, 9, { write: 1 }, true),
    op(1, 2, "read", 0),
    op(3, 4, "read", 1),
  ],
  "two writes at once in the order that the read tells": [
    op(0, 9, { write: 1 }, true),
    op(0, 9, { write: 2 }, true),
    op(10, 11, "read", 1),
  ],
  "a write that nobody heard of and that happened": [op(0, 5, { write: 1 }, null), op(6, 7, "read", 1)],
  "a write that nobody heard of and that did not happen": [op(0, 5, { write: 1 }, null), op(6, 7, "read", 0)],
  "one of two who take a lock at once": [op(0, 9, "take", true), op(0, 9, "take", false)],
  "the first of them where the second came after it was freed": [
    op(0, 3, "take", true),
    op(1, 6, "free", true),
    op(2, 9, "take", true),
  ],
};

const bad: Readonly<Record<string, Operation<Input, Output>[]>> = {
  "a stale read": [op(0, 1, { write: 1 }, true), op(2, 3, "read", 0)],
  "two reads beside a write of which the later saw less": [
    op(0, 9, { write: 1 }, true),
    op(1, 2, "read", 1),
    op(3, 4, "read", 0),
  ],
  "a value that nobody wrote": [op(0, 9, { write: 1 }, true), op(1, 2, "read", 7)],
  "a write that was answered and is gone": [
    op(0, 1, { write: 1 }, true),
    op(2, 3, { write: 2 }, true),
    op(4, 5, "read", 1),
  ],
  "a lock that two have": [op(0, 9, "take", true), op(0, 9, "take", true)],
  "a lock that nobody was given": [op(0, 9, "take", false), op(0, 9, "take", false)],
  "an unheard write that was seen, and then was not": [
    op(0, 5, { write: 1 }, null),
    op(6, 7, "read", 1),
    op(8, 9, "read", 0),
  ],
  "an unheard write that happened after whoever was at it had gone": [
    op(0, 5, { write: 1 }, null),
    op(6, 7, "read", 0),
    op(8, 9, "read", 1),
  ],
};

describe("a history that one thing could have made is taken:", () => {
  test.for(Object.keys(good))("%s", (name, { expect }) => {
    const history = good[name] ?? [];
    const { linearizable, order } = linearize(history, one);
    expect(linearizable).toBe(true);
    const heard = history.flatMap(({ output }, index) => (output === null ? [] : [index]));
    expect(order).toEqual(expect.arrayContaining(heard));
    expect(linearize(history.toReversed(), one).linearizable).toBe(true);
  });
});

describe("a history that nothing could have made is not:", () => {
  test.for(Object.keys(bad))("%s", (name, { expect }) => {
    const history = bad[name] ?? [];
    expect(linearize(history, one).linearizable).toBe(false);
    expect(linearize(history.toReversed(), one).linearizable).toBe(false);
  });
});

test("twelve at once are decided without trying each of their 479,001,600 orders", ({ expect }) => {
  const writes = Array.from({ length: 12 }, (_, value) => op(0, 100, { write: value % 3 }, true));
  expect(linearize([...writes, op(101, 102, "read", 2)], one).linearizable).toBe(true);
  expect(linearize([...writes, op(101, 102, "read", 3)], one).linearizable).toBe(false);
});
