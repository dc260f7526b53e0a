import { type Command, InvalidArgumentError } from "commander";
import * as v from "valibot";
import { State } from "../../../schemas/action.ts";
import { exitCodeOfState } from "../exit-code.ts";
import { parseDuration } from "../options.ts";
import { stateText } from "../render/card.ts";
import { openSession } from "../session.ts";
import { sayEnd } from "../waiting.ts";

type WaitOptions = { until?: State; timeout?: number };

const examples = `
Waits until the action is decided (or, with --until, until it is in that state or in an end it cannot leave). The
exit code says how it stands: 0 approved, executing or executed, 3 denied, 4 expired, 5 cancelled, 1 failed or rolled
back. Ctrl-C ends only the waiting.

Examples:
  $ npx holdpoint wait act_V1StGXR8_Z5jdHi6B-myT && ./deploy.sh
  $ npx holdpoint wait act_… --until executed --timeout 30m`;

export function addWait(program: Command): void {
  program
    .command("wait")
    .summary("wait until an action is decided")
    .description("Wait until an action is decided.")
    .argument("<id>", "the action")
    .option("--until <state>", "wait for this state instead", parseState)
    .option("--timeout <duration>", "stop waiting after this long; the action goes on", parseDuration)
    .addHelpText("after", examples)
    .action(async (id: string, { until, timeout }: WaitOptions, command: Command) => {
      const { client, terminal } = openSession(command, "agent");
      const spinner = terminal.spin(
        `waiting for ${until ?? "a decision on"} ${until === undefined ? id : `of ${id}`}`,
      );
      try {
        const action = await client.wait(id, {
          ...(until === undefined ? {} : { until: (now) => now.state === until }),
          ...(timeout === undefined ? {} : { timeoutMs: timeout }),
        });
        spinner.stop();
        if (terminal.json) terminal.document(action);
        else terminal.print(`${action.id} ${stateText(action, terminal.out)}`);
        if (action.state === "denied") sayEnd(terminal, action);
        process.exitCode = action.state === until ? 0 : exitCodeOfState(action);
      } finally {
        spinner.stop();
      }
    });
}

function parseState(text: string): State {
  const parsed = v.safeParse(State, text);
  if (parsed.success) return parsed.output;
  throw new InvalidArgumentError(`It is one of ${State.options.join(", ")}.`);
}
