import type { ActionView } from "../../schemas/action.ts";
import type { ShownCard } from "../../schemas/event.ts";
import type { JsonObject } from "../../schemas/json.ts";
import { canonicalJson } from "../canonical.ts";
import type { Sha256Hex } from "../digest.ts";
import { plainObject } from "../plain-json.ts";
import { cardOf, type Told } from "./card.ts";

/**
 * Which renderer made a card. Whatever changes what `cardOf` makes of the same action raises it: a card that was shown can be
 * made again, and held against its hash, by the renderer that made it only.
 */
export const rendererVersion = 1;

/** The card as it counts as shown: without the address it links to, which is another one wherever it is looked at. */
export function shownCard(action: ActionView, told: Told): JsonObject {
  const { page: _, ...card } = cardOf(action, told);
  return plainObject(card);
}

/** What a vote keeps of the card that its voter was shown. */
export function shownOf(card: JsonObject, sha256Hex: Sha256Hex): ShownCard {
  return { renderer: rendererVersion, card: `sha256:${sha256Hex(canonicalJson(card))}` };
}

/** Whether this is the card that a vote has kept, made by the renderer of now. */
export function isShown(
  card: JsonObject,
  { renderer, card: hash }: ShownCard,
  sha256Hex: Sha256Hex,
): boolean {
  return renderer === rendererVersion && shownOf(card, sha256Hex).card === hash;
}
