import type { ModalView } from "@slack/types";
import type { Manifest } from "@slack/web-api/dist/types/request/manifest.js";
import { describe, test } from "vitest";
import { slackLimits } from "../../core/card/slack.ts";
import { slackAppLink, slackManifest } from "../../core/slack-manifest.ts";
import {
  denyModal,
  doneModal,
  ephemeral,
  invitation,
  linkModal,
} from "../../workers/channels/slack/modals.ts";

const data = {
  workspace: "default",
  action: `act_${"a".repeat(22)}`,
  digest: `sha256:${"0".repeat(64)}`,
  seq: 1,
  channel: "C0123",
  ts: "1.2",
};

describe("a form in Slack", () => {
  const ours = [denyModal("x".repeat(5_000), data), linkModal("default"), doneModal("done")];
  // Slack's own types agree with ours: this does not compile where they do not.
  const forms: ModalView[] = ours;

  test("is one that Slack's own types know, within its limits", ({ expect }) => {
    for (const { title, submit, close, private_metadata: carried = "", blocks } of forms) {
      expect(title.text.length).toBeLessThanOrEqual(slackLimits.modalTitle);
      for (const button of [submit, close]) {
        expect(button?.text.length ?? 0).toBeLessThanOrEqual(slackLimits.modalButton);
      }
      expect(carried.length).toBeLessThanOrEqual(slackLimits.privateMetadata);
      expect(blocks.length).toBeGreaterThan(0);
    }
    for (const { blocks } of ours) {
      for (const block of blocks) {
        const text = block.type === "input" ? block.label.text : block.text.text;
        expect(text.length).toBeLessThanOrEqual(
          block.type === "input" ? slackLimits.label : slackLimits.sectionText,
        );
      }
    }
  });

  test("asks for the reason before anything else", ({ expect }) => {
    expect(forms[0]?.blocks[0]).toMatchObject({ type: "input", block_id: "reason" });
  });

  test("T3 a line for one person holds no markup that is not ours", ({ expect }) => {
    const line = ephemeral("<!channel> & <https://evil.example|x>");
    expect(line.text).toBe("&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt;");
    expect(line.blocks).toMatchObject([{ text: { type: "plain_text" } }]);
    expect(JSON.stringify(invitation("hello", "default"))).toContain('"action_id":"link"');
  });
});

describe("the Slack app", () => {
  const url = "https://holdpoint.example.com";
  const manifest: Manifest = slackManifest(url);

  test("posts, finds its posts again, asks who is a full member, and sees e-mail addresses only where they count", ({
    expect,
  }) => {
    expect(manifest.oauth_config?.scopes?.bot).toEqual([
      "chat:write",
      "users:read",
      "channels:history",
      "groups:history",
      "im:history",
      "im:write",
    ]);
    expect(slackManifest(url, { matchEmail: true }).oauth_config.scopes.bot).toEqual([
      ...(manifest.oauth_config?.scopes?.bot ?? []),
      "users:read.email",
    ]);
    expect(manifest.settings?.interactivity?.request_url).toBe(`${url}/slack/interactivity`);
    expect(manifest.settings?.event_subscriptions).toBeUndefined();
    const link = new URL(slackAppLink(url));
    expect(link.origin + link.pathname).toBe("https://api.slack.com/apps");
    expect(JSON.parse(link.searchParams.get("manifest_json") ?? "")).toEqual(manifest);
  });
});
