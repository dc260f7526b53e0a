import type { Bundle } from "../schemas/bundle.ts";
import type { AccessList, EvidenceList } from "../schemas/evidence-list.ts";
import { type Guard, isObject } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** What an auditor takes away. Every one of these calls is itself written into the workspace's log before it is answered. */

export type { Bundle } from "../schemas/bundle.ts";
export type { AccessList, AccessView, EvidenceItem, EvidenceList } from "../schemas/evidence-list.ts";

export type EvidenceFilter = {
  /** RFC 3339: when the log first saw an action. */
  since?: string;
  until?: string;
  type?: string;
  /** `nextAfter` of the page before. */
  after?: number;
  limit?: number;
};
export type AccessFilter = {
  /** RFC 3339. */
  since?: string;
  until?: string;
  /** Whose reads, such as `service:auditor`. */
  by?: string;
  cursor?: string;
  limit?: number;
};

/** Lines of the log itself: each the text that is hashed, by its index. */
export type LogLines = { items: { index: number; text: string }[] };

export type EvidenceCalls = {
  /**
   * All that is needed to check one action offline. `at`: the size of the checkpoint to prove everything in; `since`: that of one
   * you have kept, for a proof that nothing before it was changed.
   */
  bundle(id: string, options?: { at?: number | undefined; since?: number | undefined }): Promise<Bundle>;
  /** Which actions there is evidence of, with a checkpoint signed just now. */
  list(filter?: EvidenceFilter): Promise<EvidenceList>;
  /** Who has read evidence, oldest first. */
  access(filter?: AccessFilter): Promise<AccessList>;
  /** Lines of the log from an index on, those before `size`, oldest first. */
  lines(range: { from: number; size: number; limit?: number }): Promise<LogLines>;
};

export function evidenceCalls({ call }: Transport): EvidenceCalls {
  return {
    bundle: (id, options = {}) =>
      call({
        method: "GET",
        path: `/v1/actions/${encodeURIComponent(id)}/evidence`,
        query: options,
        guard: isBundle,
      }),
    list: (filter = {}) => call({ method: "GET", path: "/v1/evidence", query: filter, guard: isList }),
    access: (filter = {}) =>
      call({ method: "GET", path: "/v1/evidence/access", query: filter, guard: isAccessList }),
    lines: (range) => call({ method: "GET", path: "/v1/ledger/entries", query: range, guard: isLines }),
  };
}

const isBundle: Guard<Bundle> = (value): value is Bundle =>
  isObject(value) &&
  value["format"] === "holdpoint-evidence/1" &&
  Array.isArray(value["entries"]) &&
  isObject(value["log"]) &&
  isObject(value["log"]["checkpoint"]);
const isList: Guard<EvidenceList> = (value): value is EvidenceList =>
  isObject(value) &&
  Array.isArray(value["items"]) &&
  value["items"].every(isObject) &&
  isObject(value["checkpoint"]);
const isLines: Guard<LogLines> = (value): value is LogLines =>
  isObject(value) &&
  Array.isArray(value["items"]) &&
  value["items"].every(
    (line) => isObject(line) && typeof line["index"] === "number" && typeof line["text"] === "string",
  );
const isAccessList: Guard<AccessList> = (value): value is AccessList =>
  isObject(value) && Array.isArray(value["items"]) && value["items"].every(isObject);
