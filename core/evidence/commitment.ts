import type { Commitment, Opening } from "../../schemas/evidence.ts";
import { canonicalJson } from "../canonical.ts";
import type { Sha256Hex } from "../digest.ts";

/** 128 random bits as base64url: passed in, because `core/` draws no lots. */
export type NewSalt = () => string;

/** What stands in the record in place of the value. @throws TypeError for text without a UTF-8 form. */
export function commit({ salt, value }: Opening, sha256Hex: Sha256Hex): Commitment {
  return { sha256: sha256Hex(canonicalJson({ salt, value })) };
}

/** Whether this value, with this salt, is what was committed to. */
export function opens(commitment: Commitment, opening: Opening, sha256Hex: Sha256Hex): boolean {
  return commit(opening, sha256Hex).sha256 === commitment.sha256;
}
