import * as v from "valibot";
import type { ExamplesRun } from "../../client/index.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { evaluate } from "../../core/policy/evaluation.ts";
import { resultOf } from "../../core/policy/examples.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import { Agent, Delegation, type Directory, Group, Owners, Person } from "../../schemas/directory.ts";
import { Examples } from "../../schemas/evaluation.ts";
import { parseFields } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { OnCall, Schedule } from "../../schemas/schedule.ts";
import { CliError } from "./exit-code.ts";

const Bodies = v.optional(v.record(v.string(), v.record(v.string(), v.unknown())), {});
const DirectoryFile = v.strictObject({
  people: Bodies,
  groups: Bodies,
  agents: Bodies,
  schedules: Bodies,
  onCall: v.optional(v.record(v.string(), OnCall), {}),
  owners: v.optional(Owners, []),
  delegations: v.optional(v.array(Delegation), []),
});

type Files = Readonly<Record<"file" | "examples" | "directory", string>>;

/** Holds examples against a document and a directory from files; `now` is epoch ms. @throws CliError naming every fault of a file. */
export function testOffline(
  given: { document: unknown; examples: unknown; directory: unknown },
  files: Files,
  now: number,
): ExamplesRun {
  const directory = directoryOf(given.directory, files.directory);
  const policy = validatePolicy(given.document, directory);
  if (!policy.ok) throw faulty(files.file, policy.error);
  const examples = parsed(Examples, given.examples, files.examples);
  const results = examples.map((example) =>
    resultOf(example, evaluate(example.request, { policy: policy.value, directory, now, judge })),
  );
  const passed = results.filter(({ pass }) => pass).length;
  return { version: null, passed, failed: results.length - passed, results };
}

/** Ids are written as in the address of the API, with or without what they begin with. */
function directoryOf(value: unknown, file: string): Directory {
  const { people, groups, agents, schedules, onCall, owners, delegations } = parsed(
    DirectoryFile,
    value,
    file,
  );
  const named = <Schema extends v.GenericSchema>(
    schema: Schema,
    bodies: v.InferOutput<typeof Bodies>,
    prefix: string,
    under: string,
  ): Record<string, v.InferOutput<Schema>> =>
    Object.fromEntries(
      Object.entries(bodies).map(([name, body]) => {
        const id = name.startsWith(prefix) ? name : `${prefix}${name}`;
        return [id, parsed(schema, { ...body, id }, file, `/${under}/${name}`)];
      }),
    );
  return {
    version: 0,
    people: named(Person, people, "person:", "people"),
    groups: named(Group, groups, "", "groups"),
    agents: named(Agent, agents, "agent:", "agents"),
    schedules: named(Schedule, schedules, "", "schedules"),
    onCall,
    owners,
    delegations,
  };
}

function parsed<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  file: string,
  under = "",
): v.InferOutput<Schema> {
  const read = parseFields(schema, value, under);
  if (read.ok) return read.value;
  throw faulty(file, read.errors);
}

function faulty(file: string, errors: readonly ProblemField[]): CliError {
  const lines = errors.map(({ pointer, detail }) => `  ${pointer === "" ? "/" : pointer}: ${detail}`);
  return new CliError(`${file} has faults; mend them and try again.\n${lines.join("\n")}`);
}
