// `node holdpoint-verify.mjs`: the verifier in one file, made of this by the build. Node and nothing else.
import { parseArgs } from "node:util";
import { runVerify, verifyHelp, wantsColor } from "./verify.ts";

/** Put in by the build. */
declare const HOLDPOINT_VERSION: string;

const usage = `Usage: holdpoint-verify BUNDLE [--checkpoint FILE]… [--key VKEY]… [--json]
${verifyHelp}
`;

function main(): number {
  let given;
  try {
    given = parseArgs({
      allowPositionals: true,
      options: {
        checkpoint: { type: "string", multiple: true },
        key: { type: "string", multiple: true },
        json: { type: "boolean" },
        "no-color": { type: "boolean" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "V" },
      },
    });
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = given;
  if (values.help === true) return say(usage);
  if (values.version === true) return say(`${HOLDPOINT_VERSION}\n`);
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) return complain("Give one bundle, or one exported folder.");
  const said = runVerify({
    path,
    checkpoints: values.checkpoint ?? [],
    keys: values.key ?? [],
    json: values.json === true,
    color: wantsColor(values["no-color"] !== true),
    version: HOLDPOINT_VERSION,
  });
  process.stderr.write(said.stderr);
  process.stdout.write(said.stdout);
  return said.exitCode;
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function complain(text: string): number {
  process.stderr.write(`${text}\n(--help shows how)\n`);
  return 2;
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});
process.exitCode = main();
