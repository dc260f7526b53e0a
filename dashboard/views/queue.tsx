import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { SessionView } from "../../schemas/session.ts";
import { useDraft } from "../draft.ts";
import { useKeys } from "../keyboard.ts";
import { BatchDialog } from "../parts/batch-dialog.tsx";
import { QueueFilters } from "../parts/queue-filters.tsx";
import { QueueRow } from "../parts/queue-row.tsx";
import { filtersOf, rowsOf, type Row } from "../queue-list.ts";
import { place } from "../route.ts";
import { session } from "../session.ts";
import { useStore } from "../store.ts";
import { useQueue, type QueueData } from "../use-queue.ts";

export type Decision = "approve" | "deny";

/** What waits for me first; batch decisions for what is selected. */
export function Queue(): JSX.Element | null {
  const state = useStore(session);
  return state.kind === "in" ? <Listing me={state.session} /> : null;
}

function Listing({ me }: { me: SessionView }): JSX.Element {
  const { search } = useStore(place);
  const filters = filtersOf(search);
  const data = useQueue(filters);
  const rows = rowsOf(data.summaries?.values() ?? [], me, filters);
  const { chosen, setChosen, batch, setBatch } = useChoice();
  const list = useRef<HTMLOListElement>(null);
  const selected = rows.filter(({ summary }) => chosen.has(summary.id)).map(({ summary }) => summary.id);
  const mineIds = rows.filter(({ mine }) => mine).map(({ summary }) => summary.id);
  const toggle = (id: string): void => setChosen(toggled(chosen, id));
  const decide = (decision: Decision): void => {
    const at = focused(list.current);
    const ids = selected.length > 0 ? selected : at === null ? [] : [at];
    if (ids.length > 0) setBatch({ decision, ids });
  };
  useListKeys(list, { toggle, decide, clear: () => setChosen(new Set()) });
  useEffect(() => {
    document.title = `${mineIds.length} waiting · Holdpoint`;
  });
  return (
    <section class="queue" aria-labelledby="queue-title">
      <Heading rows={rows} data={data} filtered={search.size > 0} />
      <QueueFilters filters={filters} summaries={data.summaries} />
      {data.fault !== null && (
        <p class="fault" role="alert">
          {data.fault}
        </p>
      )}
      {data.summaries !== null && rows.length === 0 && <Nothing filtered={search.size > 0} />}
      {mineIds.length > 1 && selected.length < mineIds.length && (
        <p class="select-all">
          <button type="button" class="link" onClick={() => setChosen(new Set(mineIds))}>
            Select all {mineIds.length} that wait for you here
          </button>
        </p>
      )}
      <ol class="rows" ref={list} aria-label="Pending actions">
        {rows.map((row) => (
          <QueueRow
            key={row.summary.id}
            row={row}
            selected={chosen.has(row.summary.id)}
            toggle={() => toggle(row.summary.id)}
          />
        ))}
      </ol>
      <BatchBar count={selected.length} decide={decide} clear={() => setChosen(new Set())} />
      {batch !== null && (
        <BatchDialog
          decision={batch.decision}
          ids={batch.ids}
          close={(done) => {
            setBatch(null);
            if (done) setChosen(new Set());
          }}
        />
      )}
    </section>
  );
}

/** What is selected and what is about to be decided, kept as what is typed is: over a look at one of them, and a sign-in. */
function useChoice(): {
  chosen: ReadonlySet<string>;
  setChosen: (chosen: ReadonlySet<string>) => void;
  batch: { decision: Decision; ids: string[] } | null;
  setBatch: (batch: { decision: Decision; ids: string[] } | null) => void;
} {
  const [selection, setSelection] = useDraft("selection");
  const [pending, setPending] = useDraft("batch");
  const [word, ...ids] = pending.split(" ");
  return {
    chosen: new Set(selection.split(" ").filter((id) => id !== "")),
    setChosen: (chosen) => setSelection([...chosen].join(" ")),
    batch: word === "approve" || word === "deny" ? { decision: word, ids } : null,
    setBatch: (batch) => setPending(batch === null ? "" : [batch.decision, ...batch.ids].join(" ")),
  };
}

/** j and k walk, x selects, a and d decide, Escape forgets the selection. */
function useListKeys(
  list: { readonly current: HTMLOListElement | null },
  {
    toggle,
    decide,
    clear,
  }: { toggle: (id: string) => void; decide: (decision: Decision) => void; clear: () => void },
): void {
  useKeys({
    j: () => move(list.current, 1),
    k: () => move(list.current, -1),
    x: () => {
      const at = focused(list.current);
      if (at !== null) toggle(at);
    },
    a: () => decide("approve"),
    d: () => decide("deny"),
    "/": () => document.querySelector<HTMLElement>(".filters select")?.focus(),
    Escape: clear,
  });
}

function BatchBar({
  count,
  decide,
  clear,
}: {
  count: number;
  decide: (decision: Decision) => void;
  clear: () => void;
}): JSX.Element | null {
  if (count === 0) return null;
  return (
    <div class="batch" role="region" aria-label="Selected actions">
      <span>{count} selected</span>
      <button type="button" class="yes" onClick={() => decide("approve")}>
        Approve…
      </button>
      <button type="button" class="no" onClick={() => decide("deny")}>
        Deny…
      </button>
      <button type="button" class="quiet" onClick={clear}>
        Clear
      </button>
    </div>
  );
}

const Nothing = ({ filtered }: { filtered: boolean }): JSX.Element => (
  <p class="empty">Nothing is waiting{filtered ? " that fits these filters" : ""}.</p>
);

/** Lines the engine gives at most. */
const fullPage = 100;

function Heading({
  rows,
  data: { summaries, pending },
  filtered,
}: {
  rows: readonly Row[];
  data: QueueData;
  filtered: boolean;
}): JSX.Element {
  const mine = rows.filter((row) => row.mine).length;
  const full = (summaries?.size ?? 0) >= fullPage;
  // What waits for the reader comes first: a page full of it may not be all there is.
  const waiting = `${mine}${full && mine === rows.length && mine > 0 ? " or more" : ""} waiting for you`;
  const shown = filtered
    ? `; ${rows.length}${full ? " or more" : ""} fit these filters`
    : pending > rows.length
      ? `; ${rows.length} shown, the most urgent first`
      : "";
  return (
    <header class="heading">
      <h1 id="queue-title">Queue</h1>
      <p role="status">{summaries === null ? "Loading…" : `${waiting}, ${pending} pending in all${shown}`}</p>
    </header>
  );
}

const links = (list: HTMLOListElement | null): HTMLAnchorElement[] =>
  list === null ? [] : [...list.querySelectorAll("a")];

/** The id of the line that has the focus. */
function focused(list: HTMLOListElement | null): string | null {
  const line = document.activeElement?.closest<HTMLElement>("li[data-id]") ?? null;
  return line !== null && list?.contains(line) === true ? (line.dataset["id"] ?? null) : null;
}

function move(list: HTMLOListElement | null, by: number): void {
  const all = links(list);
  const at = all.findIndex((link) => link.closest("li")?.dataset["id"] === focused(list));
  const next = at === -1 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next]?.focus();
  all[next]?.scrollIntoView({ block: "nearest" });
}

function toggled(chosen: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(chosen);
  if (!next.delete(id)) next.add(id);
  return next;
}
