/**
 * Rosters as bit masks: row p holds the seats (bits) that person p may fill. Written against the definition and not against the
 * product's matcher: a brute force over assignments, and Ore's deficiency formula for how many seats can be filled at once.
 */

/** Whether distinct people can fill every seat: tries every assignment. */
export function fillsAll(rows: readonly number[], seats: number, seat = 0, used = 0): boolean {
  if (seat === seats) return true;
  for (const [person, row] of rows.entries()) {
    const free = (used & (1 << person)) === 0;
    if (free && (row & (1 << seat)) !== 0 && fillsAll(rows, seats, seat + 1, used | (1 << person))) {
      return true;
    }
  }
  return false;
}

/** The most seats that distinct people can fill: seats − max over sets X of seats of (|X| − people who can fill one of X). */
export function mostFilled(rows: readonly number[], seats: number): number {
  let most = seats;
  for (let chosen = 1; chosen < 1 << seats; chosen++) {
    const able = rows.filter((row) => (row & chosen) !== 0).length;
    most = Math.min(most, seats - bitCount(chosen) + able);
  }
  return most;
}

/** Every roster of exactly this size, one for each person's every choice of seats. */
export function* allRosters(people: number, seats: number): Generator<readonly number[]> {
  const rows = Array.from({ length: people }, () => 0);
  for (;;) {
    yield rows;
    let at = 0;
    while (at < people && rows[at] === (1 << seats) - 1) rows[at++] = 0;
    if (at === people) return;
    rows[at] = (rows[at] ?? 0) + 1;
  }
}

/**
 * At least one roster out of each class of rosters that differ only in the order of people or of seats. A row of zeros is a person
 * who can fill nothing, so rosters of fewer people are in it.
 *
 * Rows ascend, and a roster is grown only from beginnings that no reordering of seats makes smaller: the first k rows of the
 * smallest roster of a class are the smallest of their own class, because taking rows away cannot make the k smallest smaller.
 * Reorderings that leave the beginning as it is must not make the next row smaller either.
 */
export function* reducedRosters(people: number, seats: number): Generator<readonly number[]> {
  const orders = permutations(seats).map((order) =>
    Uint8Array.from({ length: 1 << seats }, (_, row) =>
      order.reduce((mask, to, from) => mask | (((row >> from) & 1) << to), 0),
    ),
  );
  yield* grow([], orders);

  function* grow(rows: readonly number[], fixing: readonly Uint8Array[]): Generator<readonly number[]> {
    if (rows.length === people) {
      yield rows;
      return;
    }
    for (let row = rows.at(-1) ?? 0; row < 1 << seats; row++) {
      if (fixing.some((order) => (order[row] ?? 0) < row && (order[row] ?? 0) >= (rows.at(-1) ?? 0))) {
        continue;
      }
      const longer = [...rows, row];
      // The last row is taken as it comes: telling classes apart to the end costs more than looking at one twice.
      const kept = longer.length === people ? [] : keepingOrders(longer, orders);
      if (kept !== null) yield* grow(longer, kept);
    }
  }
}

/** The reorderings that leave these ascending rows as they are; null where one makes them smaller. */
function keepingOrders(rows: readonly number[], orders: readonly Uint8Array[]): Uint8Array[] | null {
  const kept: Uint8Array[] = [];
  for (const order of orders) {
    const moved = rows.map((row) => order[row] ?? 0).toSorted((a, b) => a - b);
    const differs = moved.findIndex((row, index) => row !== rows[index]);
    if (differs === -1) kept.push(order);
    else if ((moved[differs] ?? 0) < (rows[differs] ?? 0)) return null;
  }
  return kept;
}

function permutations(length: number): number[][] {
  if (length === 0) return [[]];
  return permutations(length - 1).flatMap((rest) =>
    Array.from({ length }, (_, at) => [...rest.slice(0, at), length - 1, ...rest.slice(at)]),
  );
}

function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
