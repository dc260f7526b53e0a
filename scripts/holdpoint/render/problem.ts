import { HoldpointError } from "../../../client/index.ts";
import { CliError } from "../exit-code.ts";
import type { Paint } from "../terminal.ts";
import { visible } from "../../../core/card/visible.ts";

/** An error for a person: what happened, what to do, and every offending field by its pointer. */
export function formatError(error: unknown, paint: Paint): string {
  if (error instanceof HoldpointError) {
    const title = error.title ?? "It did not work";
    const code = error.status === 0 ? error.code : `${error.code}, ${error.status}`;
    const state =
      error.state === undefined ? [] : [`  state now: ${visible(error.state)} (seq ${error.seq ?? "?"})`];
    return [
      `${paint.red("✗")} ${visible(title)} ${paint.dim(`(${visible(code)})`)}`,
      ...error.detail.split("\n").map((line) => `  ${visible(line)}`),
      ...error.errors.map(({ pointer, detail }) => `  ${paint.bold(visible(pointer))}: ${visible(detail)}`),
      ...state,
    ].join("\n");
  }
  if (error instanceof CliError) return `${paint.red("✗")} ${error.message}`;
  return `${paint.red("✗")} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** The same for a program, on stdout of `--json`. */
export function errorDocument(error: unknown): { error: Record<string, unknown> } {
  if (error instanceof HoldpointError) {
    const { code, status, title, detail, errors, state, stateDetail, seq } = error;
    return { error: { code, status, title, detail, errors, state, stateDetail, seq } };
  }
  return {
    error: {
      code: "cli",
      status: 0,
      detail: error instanceof Error ? error.message : String(error),
      errors: [],
    },
  };
}
