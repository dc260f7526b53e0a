import type { SlackMessage } from "./slack.ts";

/** As much of a root as people compare by eye: 96 bits of it. */
const rootLength = 16;

/**
 * A card with what the workspace's log had come to, below everything else: whoever keeps the channel so keeps a checkpoint that
 * the engine cannot take back. `size` counts lines, `root` is base64; nobody but the engine has written either.
 */
export function withLog(
  message: SlackMessage,
  { size, root }: { readonly size: number; readonly root: string },
  page: string,
): SlackMessage {
  const text = `Evidence log ${size} · \`${root.slice(0, rootLength)}…\` <${page}|checkpoint>`;
  return {
    ...message,
    blocks: [...message.blocks, { type: "context", elements: [{ type: "mrkdwn", text, verbatim: true }] }],
  };
}

/** Where the log's newest checkpoint is; the address is ours. */
export const checkpointPage = (origin: string, workspace: string): string =>
  `${origin}/checkpoint${workspace === "default" ? "" : `?${new URLSearchParams({ workspace }).toString()}`}`;
