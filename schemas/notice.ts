import * as v from "valibot";
import type { Risk } from "./policy.ts";

/** Why a message to people was not sent: their hour is full, or a card for the same is there already. */
export const suppressions = ["budget", "coalesced"] as const;
export const Suppression = v.picklist(suppressions);
export type Suppression = v.InferOutput<typeof Suppression>;

/** Whether a message is to be sent, and how many requests that wait are counted on its card. */
export type NoticeVerdict = { kind: "send"; identical: number } | { kind: "suppressed"; reason: Suppression };

/** How many requests of each risk. */
export type RiskCounts = Record<Risk, number>;

/** Where a message of ours is in Slack. */
export type Place = { channel: string; ts: string };

/** A number that people are shown and that has changed: in their digest, or on the card of a request with many like it. */
export type Tally =
  | {
      kind: "digest";
      sink: string;
      /** The address of the page. */
      origin: string;
      counts: RiskCounts;
      /** The message to edit; null for a new one. */
      place: Place | null;
    }
  | { kind: "card"; sink: string; origin: string; action: string; identical: number };

/**
 * What came of it. `gone`: the message is not there any more, or never was. `later`: it is to be tried again after `afterMs`.
 * `unsure`: nobody knows whether it was posted.
 */
export type TallyTold =
  | { kind: "told"; place: Place | null }
  | { kind: "gone" }
  | { kind: "later"; afterMs: number }
  | { kind: "unsure" };
