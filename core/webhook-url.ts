/**
 * Where a webhook may be sent (threat T12). Pure, so that registration and every send ask the very same rule.
 *
 * Everything is decided on the parsed URL, never on its text, because the parse is what is connected to:
 * `https://2130706433`, `https://0x7f.1` and fullwidth digits all come out of it as 127.0.0.1.
 * A name that resolves to a private address is not seen here; the runtime refuses that at connect time.
 */
export type WebhookUrlRule = {
  /** Local development only: http and https to this machine, on any port. */
  readonly allowLoopback: boolean;
};

const maxUrlLength = 2_048;
/** RFC 1035: 255 octets on the wire, which is 253 characters of text. */
const maxHostLength = 253;

/** `URL` leaves the port empty for 443. 8443 is the usual second https port; any other is a way to probe. */
const ports: ReadonlySet<string> = new Set(["", "8443"]);
const loopbackHosts: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"]);

/**
 * Names that never lead to a public host: the special-use registry of RFC 6761 and its successors
 * (`arpa` holds home.arpa, 254.169.in-addr.arpa and the service names), and the suffixes that private networks and
 * clouds use, among them the metadata services (metadata.google.internal, instance-data.ec2.internal).
 */
const specialUse = [
  "alt",
  "arpa",
  "corp",
  "example",
  "home",
  "internal",
  "intranet",
  "invalid",
  "lan",
  "local",
  "localdomain",
  "localhost",
  "onion",
  "private",
  "test",
] as const;

/** Public names that answer with whatever address is written in them, or with loopback: an IP literal by another name. */
const addressNames = [
  "localtest.me",
  "lvh.me",
  "nip.io",
  "sslip.io",
  "traefik.me",
  "vcap.me",
  "xip.io",
] as const;

const ipv4 = /^\d{1,3}(?:\.\d{1,3}){3}$/u;
/** A letter-digit-hyphen label of 1 to 63 characters (RFC 1123); `xn--` names are such labels too. */
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/**
 * What is wrong with `url` as the address of a webhook, in words that finish the sentence "the URL …"; null when
 * nothing is.
 */
export function webhookUrlFault(url: string, rule: WebhookUrlRule): string | null {
  if (url.length > maxUrlLength) return `is longer than ${maxUrlLength} characters`;
  // The parser drops tabs and line breaks and trims spaces, so what a person read is not what would be called.
  if (/[\s\p{Cc}\p{Cf}\\]/u.test(url)) return "holds white space, a backslash or an invisible character";
  const parsed = URL.parse(url);
  if (parsed === null) return "is not a URL";
  if (`${parsed.username}${parsed.password}` !== "") return "carries a user name or password; leave it out";
  if (parsed.href.includes("#")) return "has a fragment, which is never sent; leave it out";
  if (rule.allowLoopback && loopbackHosts.has(parsed.hostname)) return loopbackFault(parsed);
  if (parsed.protocol !== "https:") return "does not start with https://";
  if (!ports.has(parsed.port)) return "uses another port than 443 or 8443";
  return hostFault(parsed.hostname);
}

function loopbackFault(parsed: URL): string | null {
  return parsed.protocol === "https:" || parsed.protocol === "http:"
    ? null
    : "starts neither with https:// nor http://";
}

function hostFault(host: string): string | null {
  if (host.startsWith("[") || ipv4.test(host)) return "names an IP address; give the host's public name";
  if (host.endsWith(".")) return "has a host that ends in a dot; leave the dot out";
  if (host.length > maxHostLength) return "has a host name that is too long";
  const labels = host.split(".");
  if (!labels.every((part) => label.test(part))) return "has a host that is no public DNS name";
  if (labels.length < 2) return "has a host without a domain; give its full public name";
  const special = specialUse.find((suffix) => labels.at(-1) === suffix);
  if (special !== undefined) return `ends in .${special}, which no public host does`;
  const alias = addressNames.find((name) => host === name || host.endsWith(`.${name}`));
  return alias === undefined
    ? null
    : `uses ${alias}, whose names stand for addresses; give the host's own name`;
}
