import * as v from "valibot";
import { ActionSummary, Target } from "../../schemas/action.ts";
import { Bypass } from "../../schemas/feedback.ts";
import { erasedText } from "../../core/evidence/payload.ts";
import { openText, sealText, workspaceKeys } from "../at-rest.ts";

/**
 * What lies in the Board's rows of what people aim at, sealed with a key of the workspace, because SQLite keeps what it has
 * overwritten. All else of a summary is what lists are filtered by. Without HOLDPOINT_SEAL_KEY it lies there as it is.
 */

const Stored = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ ...ActionSummary.entries, target: v.union([v.string(), Target]) }),
);
const StoredTarget = v.pipe(v.string(), v.parseJson(), Target);
const StoredBypass = v.pipe(v.string(), v.parseJson(), Bypass);
/** Shown where the key that it was sealed with is not here any more. The action itself is asked for, and says. */
const unreadable = "[sealed]";

export const isErased = ({ target }: Pick<ActionSummary, "target">): boolean =>
  target.resource === erasedText;

export class RowSeal {
  readonly #keys: readonly string[];
  readonly #workspace: string;

  constructor(env: unknown, workspace: string) {
    this.#keys = workspaceKeys(env, workspace, "board");
    this.#workspace = workspace;
  }

  /** What is written of a summary. What is erased needs no key. */
  summary(summary: ActionSummary): string {
    if (isErased(summary)) return JSON.stringify(summary);
    const sealed = this.#seal(summary.id, JSON.stringify(summary.target));
    return JSON.stringify(sealed === null ? summary : { ...summary, target: sealed });
  }

  readSummary(text: string): ActionSummary {
    const { target, ...summary } = v.parse(Stored, text);
    if (typeof target !== "string") return { ...summary, target };
    const opened = this.#open(summary.id, target);
    return {
      ...summary,
      target: opened === null ? { resource: unreadable } : v.parse(StoredTarget, opened),
    };
  }

  /** What is written of an effect that nobody had claimed. */
  bypass(bypass: Bypass): string {
    const { id, type, class: name, at } = bypass;
    const sealed = this.#seal(id, JSON.stringify(bypass));
    return sealed === null ? JSON.stringify(bypass) : JSON.stringify({ id, type, class: name, at, sealed });
  }

  readBypass(text: string): Bypass {
    const { sealed, ...open } = v.parse(SealedBypass, text);
    if (sealed === undefined) return v.parse(StoredBypass, text);
    const opened = this.#open(open.id, sealed);
    if (opened !== null) return v.parse(StoredBypass, opened);
    return { ...open, target: unreadable, reportedAt: open.at, reportedBy: "", evidence: null, action: null };
  }

  #seal(id: string, text: string): string | null {
    const [key] = this.#keys;
    return key === undefined ? null : sealText(key, this.#about(id), text);
  }

  #open(id: string, sealed: string): string | null {
    const opened = this.#keys.map((key) => openText(key, this.#about(id), sealed));
    return opened.find((text) => text !== null) ?? null;
  }

  #about(id: string): string {
    return `${this.#workspace}/board/${id}`;
  }
}

const SealedBypass = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    id: v.string(),
    type: v.string(),
    class: v.string(),
    at: v.number(),
    sealed: v.optional(v.string()),
  }),
);
