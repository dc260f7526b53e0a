import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import ora from "ora";
import { exitCodes } from "./exit-code.ts";

type Style = Parameters<typeof styleText>[0];
export type Paint = Record<"bold" | "dim" | "red" | "green" | "yellow" | "cyan", (text: string) => string>;

/** Something that goes on for a while; on a terminal it turns, elsewhere it is said once. */
export type Spinner = {
  text(text: string): void;
  /** A line that stays, above the spinner. */
  line(text: string): void;
  stop(): void;
};

export type TerminalOptions = { json: boolean; color: boolean };

/** Results go to stdout, everything said on the way to stderr: what is piped on holds results only. */
export class Terminal {
  readonly json: boolean;
  /** A person is watching: spinners turn and questions can be asked. */
  readonly interactive: boolean;
  /** Colours for results, and for what is said on the way. */
  readonly out: Paint;
  readonly err: Paint;

  constructor({ json, color }: TerminalOptions) {
    this.json = json;
    this.interactive = process.stderr.isTTY && process.env["TERM"] !== "dumb";
    const wanted = color && !isSet(process.env["NO_COLOR"]);
    this.out = paint(wanted && process.stdout.isTTY);
    this.err = paint(wanted && this.interactive);
  }

  print(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** The one JSON document of `--json`, or one line of a stream of them. */
  document(value: unknown, { line = false } = {}): void {
    this.print(line ? JSON.stringify(value) : JSON.stringify(value, null, 2));
  }

  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  spin(text: string): Spinner {
    // A terminal that has not been told its width (some containers') says 0, and the spinner would clear lines for ever.
    if (!this.interactive || process.stderr.columns === 0) {
      this.note(text);
      return { text: () => undefined, line: (line) => this.note(line), stop: () => undefined };
    }
    // discardStdin would put the terminal into raw mode: the command to run inherits it, and Ctrl-C must stay a signal.
    const spinner = ora({ text, stream: process.stderr, discardStdin: false }).start();
    return {
      text: (next) => void (spinner.text = next),
      line: (line) => {
        spinner.clear();
        this.note(line);
        spinner.render();
      },
      stop: () => void spinner.stop(),
    };
  }

  /** Asks a yes-or-no question; undefined where nobody can be asked. No answer is a no. */
  async confirm(question: string): Promise<boolean | undefined> {
    const answer = await this.ask(`${question} [y/N] `);
    return answer === undefined ? undefined : /^y(?:es)?$/iu.test(answer);
  }

  /** What a person types, trimmed; undefined where nobody can be asked. */
  async ask(question: string): Promise<string | undefined> {
    if (!this.interactive || !process.stdin.isTTY) return undefined;
    const reader = createInterface({ input: process.stdin, output: process.stderr });
    // Ctrl-C means: none of this. readline would only close, which here is a no to one question.
    reader.once("SIGINT", () => {
      reader.close();
      this.note("");
      process.exit(exitCodes.interrupted);
    });
    const closed = new Promise<string>((resolve) => reader.once("close", () => resolve("")));
    try {
      const answer = await Promise.race([reader.question(question), closed]);
      return answer.trim();
    } finally {
      reader.close();
    }
  }
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}

function paint(on: boolean): Paint {
  const style =
    (name: Style) =>
    (text: string): string =>
      on ? styleText(name, text, { validateStream: false }) : text;
  return {
    bold: style("bold"),
    dim: style("dim"),
    red: style("red"),
    green: style("green"),
    yellow: style("yellow"),
    cyan: style("cyan"),
  };
}
