import { readFileSync } from "node:fs";
import * as v from "valibot";
import { validatePolicy } from "../../core/policy/validate.ts";
import { Agent, Group, Person, type Directory } from "../../schemas/directory.ts";

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../scripts/starter/${name}`, import.meta.url), "utf8"));

const Bodies = v.record(v.string(), v.record(v.string(), v.unknown()));
const Starter = v.object({ people: Bodies, agents: Bodies, groups: Bodies });

// oxlint-disable-next-line typescript/no-explicit-any -- a document that tests take apart in every way
export type Spoilable = any;

/** A fresh copy of the starter policy's document, to be spoilt by a test. */
export const starterPolicy = (): Spoilable => read("policy.json");

/** The starter directory as the Registry would hold it. */
export function starterDirectory(): Directory {
  const { people, agents, groups } = v.parse(Starter, read("directory.json"));
  const named = <Schema extends v.GenericSchema>(
    schema: Schema,
    bodies: v.InferOutput<typeof Bodies>,
    prefix: string,
  ) =>
    Object.fromEntries(
      Object.entries(bodies).map(([id, body]) => [
        `${prefix}${id}`,
        v.parse(schema, { ...body, id: `${prefix}${id}` }),
      ]),
    );
  return {
    version: 1,
    people: named(Person, people, "person:"),
    agents: named(Agent, agents, "agent:"),
    groups: named(Group, groups, ""),
    delegations: [],
  };
}

/** The starter policy after `spoil`; its faults as pointer → detail, empty where it publishes. */
export function faults(
  spoil: (document: Spoilable) => unknown,
  directory: Directory | null = starterDirectory(),
): Record<string, string> {
  const document = starterPolicy();
  spoil(document);
  const result = validatePolicy(document, directory);
  return result.ok ? {} : Object.fromEntries(result.error.map(({ pointer, detail }) => [pointer, detail]));
}
