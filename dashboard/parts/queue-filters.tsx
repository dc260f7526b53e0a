import type { JSX } from "preact";
import { useId } from "preact/hooks";
import type { ActionSummary } from "../../schemas/action.ts";
import { riskOrder, searchOf, type Filters } from "../queue-list.ts";
import { refine } from "../route.ts";

/** Filters in the address, so that a link shows the same and going back comes back to them. */
export function QueueFilters({
  filters,
  summaries,
}: {
  filters: Filters;
  summaries: ReadonlyMap<string, ActionSummary> | null;
}): JSX.Element {
  const all = [...(summaries?.values() ?? [])];
  const set = (change: Partial<Filters>): void => refine(searchOf({ ...filters, ...change }));
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <Choice
        name="Risk"
        value={filters.risk}
        values={Object.keys(riskOrder)}
        set={(risk) => set({ risk })}
      />
      <Choice
        name="Type"
        value={filters.type}
        values={all.map(({ type }) => type)}
        set={(type) => set({ type })}
      />
      <Choice
        name="Group"
        value={filters.group}
        values={all.flatMap(({ groups }) => groups)}
        set={(group) => set({ group })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={filters.mine}
          onChange={({ currentTarget }) => set({ mine: currentTarget.checked })}
        />
        Waits for me
      </label>
    </form>
  );
}

function Choice({
  name,
  value,
  values,
  set,
}: {
  name: string;
  value: string;
  values: readonly string[];
  set: (value: string) => void;
}): JSX.Element {
  const id = useId();
  const known = [...new Set(value === "" ? values : [value, ...values])];
  return (
    <span class="choice">
      <label for={id}>{name}</label>
      <select id={id} value={value} onChange={({ currentTarget }) => set(currentTarget.value)}>
        <option value="">any</option>
        {known.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </span>
  );
}
