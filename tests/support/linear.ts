/**
 * Whether a recorded history could have come from one thing that does one operation after the other (Herlihy and Wing; the search is
 * that of Wing and Gong, with the memory of Lowe): there is an order of its operations in which each answer is the one that the
 * specification gives there, and in which whatever had ended before another began comes first.
 */
export type Operation<Input, Output> = {
  readonly input: Input;
  /** Null where nobody heard an answer: it may have happened before `returned`, or never. */
  readonly output: Output | null;
  /** Both on one clock. `returned` of an operation without an answer: when whoever was at it was certainly gone. */
  readonly called: number;
  readonly returned: number;
};

/** What one thing by itself would do. `key` tells states apart, no more and no less. */
export type Specification<State, Input, Output> = {
  readonly first: State;
  readonly apply: (state: State, input: Input) => { readonly state: State; readonly output: Output };
  readonly agrees: (said: Output, specified: Output) => boolean;
  readonly key: (state: State) => string;
};

/** `order`: indexes of operations in an order that explains them all; or the longest that explains as many as can be. */
export type Verdict = { readonly linearizable: boolean; readonly order: readonly number[] };

/** Explains a history, or says that nothing does. */
export function linearize<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
): Verdict {
  const search = new Search(history, specification);
  const linearizable = search.from(specification.first);
  return { linearizable, order: search.longest };
}

class Search<State, Input, Output> {
  longest: number[] = [];
  readonly #history: readonly Operation<Input, Output>[];
  readonly #specification: Specification<State, Input, Output>;
  readonly #taken: boolean[];
  readonly #order: number[] = [];
  /** What was taken and where that led, from where no order was found. */
  readonly #dead = new Set<string>();

  constructor(
    history: readonly Operation<Input, Output>[],
    specification: Specification<State, Input, Output>,
  ) {
    this.#history = history;
    this.#specification = specification;
    this.#taken = history.map(() => false);
  }

  /** Whether what is left can be put in order from this state on. */
  from(state: State): boolean {
    if (this.#order.length > this.longest.length) this.longest = [...this.#order];
    if (this.#history.every(({ output }, index) => output === null || this.#taken[index] === true)) {
      this.longest = [...this.#order];
      return true;
    }
    const place = `${this.#taken.map(Number).join("")} ${this.#specification.key(state)}`;
    if (this.#dead.has(place)) return false;
    for (const [index, { input, output }] of this.#history.entries()) {
      if (!this.#mayBeNext(index)) continue;
      const next = this.#specification.apply(state, input);
      if (output !== null && !this.#specification.agrees(output, next.output)) continue;
      this.#taken[index] = true;
      this.#order.push(index);
      if (this.from(next.state)) return true;
      this.#taken[index] = false;
      this.#order.pop();
    }
    this.#dead.add(place);
    return false;
  }

  /** Nothing that has been answered before it began is left, and nothing that began after its end was taken. */
  #mayBeNext(index: number): boolean {
    const one = this.#history[index];
    if (one === undefined || this.#taken[index] === true) return false;
    return this.#history.every(({ output, called, returned }, other) =>
      this.#taken[other] === true
        ? called <= one.returned
        : other === index || output === null || returned >= one.called,
    );
  }
}
