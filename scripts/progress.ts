import ora, { type Options, type Ora } from "ora";

/**
 * A spinner on standard error. On a terminal that says it has no columns, ora would wrap its line for ever, so there,
 * and where there is no terminal, it prints lines.
 */
export function progressOn(options: Options = {}): Ora {
  const isEnabled = process.stderr.isTTY && process.stderr.columns > 0;
  return ora({ ...options, stream: process.stderr, isEnabled });
}
