import type { Counter } from "./counter.ts";
import { statementName, statementsOf } from "./statement.ts";

/**
 * Wraps what the engine is given, so that its own code runs unchanged: storage, bindings, batches. Wraps the objects'
 * methods only to know who asked for what.
 */

/** What wrangler notes in every object for itself. It exists on this machine only and is nobody's cost. */
const runnersTables = "__miniflare";

/** Storage whose statements and alarms are counted. The very same object: the runtime accepts no stand-in for it. */
export function countStorage(counter: Counter, object: string, storage: DurableObjectStorage): void {
  const exec = storage.sql.exec.bind(storage.sql);
  const one = (
    sql: string,
    bindings: readonly unknown[],
  ): SqlStorageCursor<Record<string, SqlStorageValue>> => {
    const cursor = exec(sql, ...bindings);
    if (sql.includes(runnersTables)) return cursor;
    const by = counter.now;
    const note = (): void => counter.rows(statementName(sql), cursor.rowsRead, cursor.rowsWritten);
    // The rows are known once the caller has read them, which it does before it gives way to anything else.
    queueMicrotask(() => counter.within(by, note));
    return cursor;
  };
  replace(storage.sql, "exec", (sql: string, ...bindings: unknown[]) => {
    const parts = statementsOf(sql);
    const last = parts.pop();
    if (parts.length > 0 && bindings.length > 0) throw new Error("several statements with bindings");
    for (const part of parts) one(part, []);
    return one(last ?? "", bindings);
  });
  const { setAlarm, deleteAlarm } = storage;
  replace(storage, "setAlarm", (at: number | Date, ...rest: unknown[]) => {
    counter.rows("setAlarm", 0, 1);
    counter.alarm(object, Number(at));
    return Reflect.apply(setAlarm, storage, [at, ...rest]);
  });
  replace(storage, "deleteAlarm", (...args: unknown[]) => {
    counter.rows("deleteAlarm", 0, 1);
    counter.alarm(object, null);
    return Reflect.apply(deleteAlarm, storage, args);
  });
  for (const name of ["get", "put", "delete", "list", "deleteAll"]) {
    replace(storage, name, () => {
      throw new Error(`storage.${name} is not counted`);
    });
  }
}

function replace(target: object, name: string, value: (...args: never[]) => unknown): void {
  Object.defineProperty(target, name, { value });
}

/** A namespace whose stubs count each call. */
export function countNamespace<Namespace extends object>(
  counter: Counter,
  name: string,
  real: Namespace,
): Namespace {
  return new Proxy(real, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        const made: unknown = Reflect.apply(value, target, args);
        const isStub = property === "get" || property === "getByName";
        return isStub && isObject(made) ? countStub(counter, name, made) : made;
      };
    },
  });
}

function countStub(counter: Counter, name: string, real: object): object {
  return new Proxy(real, {
    get: (target, method) => {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== "function" || typeof method !== "string") return value;
      return (...args: unknown[]): unknown => {
        counter.request(`${name}.${method}`);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

const isObject = (value: unknown): value is object =>
  (typeof value === "object" || typeof value === "function") && value !== null;

/** A queue whose messages are counted as they are sent. */
export function countQueue(counter: Counter, name: string, real: Queue): Queue {
  return {
    metrics: () => real.metrics(),
    send: (body, options) => {
      counter.written(name, body);
      return real.send(body, options);
    },
    sendBatch: (messages, options) => {
      const all = [...messages];
      for (const { body } of all) counter.written(name, body);
      return real.sendBatch(all, options);
    },
  };
}

/** A batch whose messages are counted as they are handed over and as they are acknowledged. */
export function countBatch(counter: Counter, real: MessageBatch): MessageBatch {
  const { queue } = real;
  const messages = real.messages.map((message): Message => {
    const { id, timestamp, body, attempts } = message;
    counter.read(queue, body);
    const ack = (): void => {
      counter.deleted(queue, body);
      message.ack();
    };
    return { id, timestamp, body, attempts, ack, retry: (options) => message.retry(options) };
  });
  return {
    queue,
    messages,
    metadata: real.metadata,
    ackAll: () => messages.forEach((message) => message.ack()),
    retryAll: (options) => real.retryAll(options),
  };
}

/**
 * Puts down what each method of an object's class does to that method, and counts what no stub sees: alarms and incoming
 * WebSocket messages. `counted` is a subclass without methods of its own.
 */
export function countMethods(counter: Counter, name: string, counted: object, real: object): void {
  for (const [method, { value }] of Object.entries(Object.getOwnPropertyDescriptors(real))) {
    if (typeof value !== "function" || method === "constructor") continue;
    const work: (...args: unknown[]) => unknown = value;
    const own = function own(this: unknown, ...args: unknown[]): unknown {
      if (method === "alarm") counter.request(`${name}.alarm`, "the clock");
      if (method === "webSocketMessage") counter.request(`${name}.webSocketMessage`, "a WebSocket", 1 / 20);
      // A method that another method of the same object calls is part of that one.
      if (counter.now.startsWith(`${name}.`)) return Reflect.apply(work, this, args);
      return counter.within(`${name}.${method}${commandOf(args[0])}`, () => Reflect.apply(work, this, args));
    };
    Object.defineProperty(counted, method, { value: own, writable: true, configurable: true });
  }
}

/** `(vote)` for a call that carries a command. */
function commandOf(argument: unknown): string {
  if (typeof argument !== "object" || argument === null || !("command" in argument)) return "";
  const { command } = argument;
  if (typeof command !== "object" || command === null || !("type" in command)) return "";
  return `(${String(command.type)})`;
}
