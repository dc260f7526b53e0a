import { ofBundles } from "./bundles.ts";
import { ofEntries } from "./entries.ts";
import { ofFolders } from "./folders.ts";
import { ofLogs } from "./logs.ts";
import type { Tampering } from "./scene.ts";

/** Every kind that there is. */
export const tamperings: readonly Tampering[] = [...ofEntries, ...ofBundles, ...ofLogs, ...ofFolders];
