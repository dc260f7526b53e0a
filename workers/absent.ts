import * as v from "valibot";
import { goneRefusal } from "../core/retention/gone.ts";
import { Tombstone } from "../schemas/tombstone.ts";
import { notFound, ProblemError } from "./http/problem.ts";
import { actionOf } from "./stubs.ts";

const Stone = v.pipe(v.string(), v.parseJson(), Tombstone);

/** What whoever may read actions hears of one that is not there: 410 where it was and has been erased, else the one 404. */
export async function absent(env: Env, workspace: string, id: string): Promise<ProblemError> {
  const stone = await actionOf(env, workspace, id).gone();
  if (stone === null) return notFound();
  const { code, ...parts } = goneRefusal(v.parse(Stone, stone));
  return new ProblemError(code, parts);
}
