import type { Snapshot } from "../../schemas/snapshot.ts";
import { readDirectory } from "./directory.ts";
import { readPolicy } from "./policies.ts";
import { readMeta, readVersion } from "./rows/meta.ts";
import { listLinks } from "./rows/slack-links.ts";
import { listEndpoints } from "./rows/webhooks.ts";

/**
 * Everything of the workspace at its present version. Throws where a part does not parse, so that callers answer
 * `policy_unavailable` and nothing is judged by half of it.
 */
export function readSnapshot(sql: SqlStorage): Snapshot {
  const policy = readPolicy(sql, null);
  if (policy === null && readMeta(sql, "policy") !== null) {
    throw new Error("the policy in force is not stored");
  }
  return {
    version: readVersion(sql),
    policy: policy === null ? null : { version: policy.version, document: policy.document },
    directory: readDirectory(sql),
    endpoints: listEndpoints(sql),
    links: listLinks(sql),
    salt: readMeta(sql, "salt") ?? "",
  };
}
