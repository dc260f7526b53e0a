import { describe, test } from "vitest";
import { decodeCursor, encodeCursor } from "../../core/cursor.ts";
import { deadLetterId, parseDeadLetterId } from "../../core/dead-letter-id.ts";

describe("a cursor", () => {
  test.for([1, 9, 10, 123, 4_294_967_296, Number.MAX_SAFE_INTEGER])(
    "comes back as %i",
    (position, { expect }) => {
      const cursor = encodeCursor(position);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/u);
      expect(decodeCursor(cursor)).toBe(position);
    },
  );

  test.for(["", "1", "MA", "LTE", "MDE", "MS4w", "MQ==", "!!!!", "A", "MR", "OTk5OTk5OTk5OTk5OTk5OTk5", "é"])(
    "is not %j",
    (text, { expect }) => {
      expect(decodeCursor(text)).toBeNull();
    },
  );
});

describe("the id of a dead letter", () => {
  test.for(["callback", "webhook:wh_A-b_9", "webhook:ÿ"])(
    "names the delivery to %s again",
    (sink, { expect }) => {
      const name = { action: "act_V1StGXR8_Z5jdHi6B-myTa", seq: 12, sink };
      expect(parseDeadLetterId(deadLetterId(name))).toEqual(name);
    },
  );

  test.for([
    "",
    "act_a",
    "act_a.1",
    "act_a.1.",
    "act_a.01.Y2FsbGJhY2s",
    "act_a.-1.Y2FsbGJhY2s",
    "other.1.Y2FsbGJhY2s",
    "act_a.1.A",
    "act_a.1.%%",
  ])("is not %j", (text, { expect }) => {
    expect(parseDeadLetterId(text)).toBeNull();
  });
});
