import { describe, test } from "vitest";
import { webhookUrlFault } from "../../core/webhook-url.ts";
import { hostileUrls, plainUrls } from "../support/hostile-urls.ts";

const deployed = { allowLoopback: false };
const local = { allowLoopback: true };

const loopback = [
  "http://127.0.0.1:8080/hook",
  "https://127.0.0.1/hook",
  "http://[::1]:9/hook",
  "http://localhost:3000/",
];

describe("T12 the webhook address rule", () => {
  test("the corpus holds at least sixty different addresses", ({ expect }) => {
    expect(new Set(hostileUrls).size).toBe(hostileUrls.length);
    expect(hostileUrls.length).toBeGreaterThanOrEqual(60);
  });

  test.for(hostileUrls)("refuses %j and says why", (url, { expect }) => {
    expect(webhookUrlFault(url, deployed)).toMatch(/^[a-z]/u);
  });

  test.for(plainUrls)("takes %j", (url, { expect }) => {
    expect(webhookUrlFault(url, deployed)).toBeNull();
    expect(webhookUrlFault(url, local)).toBeNull();
  });

  test.for(loopback)("takes %j in local development and nowhere else", (url, { expect }) => {
    expect(webhookUrlFault(url, local)).toBeNull();
    expect(webhookUrlFault(url, deployed)).not.toBeNull();
  });

  const onlyLoopback = hostileUrls.filter((url) => {
    const host = URL.parse(url)?.hostname ?? "";
    return !["127.0.0.1", "[::1]", "localhost"].includes(host);
  });
  test.for(onlyLoopback)("refuses %j in local development too", (url, { expect }) => {
    expect(webhookUrlFault(url, local)).not.toBeNull();
  });

  test.for([
    "http://user:secret@127.0.0.1/",
    "http://localhost/#x",
    "ftp://127.0.0.1/",
    "file://localhost/etc/passwd",
  ])("refuses %j even where loopback is allowed", (url, { expect }) => {
    expect(webhookUrlFault(url, local)).not.toBeNull();
  });

  test("never throws, whatever the text", ({ expect }) => {
    for (const url of [
      "\u0000",
      "https://\ud800/",
      "https://%00/",
      "https://[",
      "https://a:b:c/",
      "💥",
      "https://xn--/",
    ]) {
      expect(webhookUrlFault(url, deployed)).not.toBeNull();
    }
  });
});
