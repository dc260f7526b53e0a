import type { Snapshot } from "../../schemas/snapshot.ts";
import { readDirectory } from "./directory.ts";
import { readPolicy } from "./policies.ts";
import { listIssuers } from "./rows/issuers.ts";
import { listLevels } from "./rows/guardrails.ts";
import { listSwitches } from "./rows/kill-switches.ts";
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
  const switches = listSwitches(sql);
  const levels = listLevels(sql);
  const issuers = listIssuers(sql);
  return {
    version: readVersion(sql),
    policy: policy === null ? null : { version: policy.version, document: policy.document },
    directory: readDirectory(sql),
    endpoints: listEndpoints(sql),
    links: listLinks(sql),
    ...(issuers.length > 0 && { issuers }),
    salt: readMeta(sql, "salt") ?? "",
    ...(switches.length > 0 && { switches }),
    ...(Object.keys(levels).length > 0 && { levels }),
  };
}
