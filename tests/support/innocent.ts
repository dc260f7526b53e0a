import { createHash } from "node:crypto";
import type { JsonObject } from "../../schemas/json.ts";
import { Dice } from "./dice.ts";

/** Values of every day that are no secrets and look like something: what people lose when too much is taken for one. */

const hashOf = (text: string, algorithm = "sha256", form: "hex" | "base64" = "hex"): string =>
  createHash(algorithm).update(text).digest(form);

const uuidOf = (text: string): string =>
  hashOf(text, "md5")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-4$3-a$4-$5")
    .slice(0, 36);

/** Hashes, ids and names, of which there is always one more. */
function numbered(dice: Dice): string[] {
  const many = (make: (at: number) => string): string[] => Array.from({ length: 12 }, (_, at) => make(at));
  return [
    ...many((at) => hashOf(`commit ${at}`, "sha1")),
    ...many((at) => `sha256:${hashOf(`image ${at}`)}`),
    ...many((at) => `registry.example.com/team/payment-gateway:v1.${at}.3@sha256:${hashOf(`layer ${at}`)}`),
    ...many((at) => uuidOf(`request ${at}`)),
    ...many((at) => `arn:aws:iam::12345678901${at % 10}:role/ControlledRemediationRole${at}`),
    ...many((at) => `arn:aws:ecs:eu-central-1:123456789012:task/prod/${hashOf(`task ${at}`, "md5")}`),
    ...many((at) => `api-gateway-7d9f8b6c5d-${["x2k4q", "9bvzt", "m4l7p"][at % 3]}`),
    ...many((at) => `i-0${hashOf(`host ${at}`).slice(0, 16)}`),
    ...many((at) => `s3://backups-prod-eu/2026/11/${10 + at}/orders-db-full.dump.gz`),
    ...many(
      (at) =>
        `act_${Buffer.from(hashOf(`act ${at}`), "hex")
          .toString("base64url")
          .slice(0, 22)}`,
    ),
    ...many(
      (at) =>
        `2026-11-${10 + at}T09:47:30.${100 + at}Z INFO worker-${at} handled 200 GET /v1/orders/${1000 + at} in 12ms`,
    ),
    ...many(
      (at) =>
        `SELECT id, status FROM orders WHERE tenant_id = ${at} AND created_at > now() - interval '1 day' LIMIT 100`,
    ),
    ...many((at) => `sha512-${hashOf(`package ${at}`, "sha512", "base64")}`),
    ...many((at) => `SHA256:${hashOf(`host key ${at}`, "sha256", "base64").replace("=", "")}`),
    ...many((at) => `+49 30 ${dice.below(8_999) + 1_000} ${10_000 + at}`),
    ...many((at) => `https://grafana.example.com/d/payments/overview?from=now-1h&to=now&var-host=db-${at}`),
    ...many((at) => `v2.${at}.0-rc.${at}+build.${20_261_100 + at}`),
    // Sixteen digits that fail the check: one off from a number that holds.
    ...many((at) => `order 41111111111111${12 + ((at * 3) % 8) + (at % 2) * 10} is late`).filter(
      (text) => !passes(text),
    ),
    ...many((at) => `00-${hashOf(`trace ${at}`, "md5")}-${hashOf(`span ${at}`).slice(0, 16)}-01`),
    ...many((at) => `golang.org/x/sys v0.0.0-202112180936${10 + at}-${hashOf(`go ${at}`).slice(0, 12)}`),
    // Ids that a generator draws as it draws keys.
    ...many((at) => base64url(`nanoid ${at}`).slice(0, 21)),
    ...many((at) => base64url(`short uuid ${at}`).slice(0, 22)),
    ...many((at) => `c${base36(`cuid ${at}`).slice(0, 23)}`),
    ...many(
      (at) => `refund pi_3${base64url(`intent ${at}`).replaceAll(/[_-]/gu, "a").slice(0, 23)} of the order`,
    ),
    ...many((at) => `{"charge":"ch_3${base64url(`charge ${at}`).replaceAll(/[_-]/gu, "b").slice(0, 23)}"}`),
    ...many((at) => `bafybei${base32(`block ${at}`).slice(0, 52)}`),
    ...many((at) => `/nix/store/${base32(`store ${at}`).slice(0, 32)}-nginx-1.27.${at}/bin/nginx`),
    ...many((at) => `golang.org/x/net v0.${at}.0 h1:${hashOf(`sum ${at}`, "sha256", "base64")}`),
    ...many((at) => `0x${hashOf(`transaction ${at}`)}`),
    ...many((at) => hashOf(`sha-384 ${at}`, "sha384")),
    ...many((at) => `{"documentId":"1${base64url(`document ${at}`).slice(0, 43)}"}`),
    ...many((at) => `etag: "${base64url(`etag ${at}`).slice(0, 32)}", size 12`),
    ...many((at) => `deleted commit=${hashOf(`one more ${at}`, "sha1")} key=${uuidOf(`row ${at}`)}`),
    ...many((at) => `idempotency key ${hashOf(`call ${at}`).slice(0, 32)}`),
    ...many((at) => `docker run -d -p 80${80 + at}:80 -u 1000:1000 -e MODE=fast nginx:1.27.${at}`),
    ...many((at) => `mysql -h db-${at} -u app -P 3306 orders`),
    ...many((at) => `https://app.example.com/orders?page=${at}&sort=created_at&code=DE-${10_115 + at}`),
    ...many((at) => `pin ${at} of connector J${at}, pins 1-8 and GPIO pin: ${at}`),
    ...many((at) => `projects/shop-prod/locations/europe-west1/clusters/main/nodePools/pool-${at}`),
  ];
}

const base64url = (text: string): string => Buffer.from(hashOf(text), "hex").toString("base64url");
const base36 = (text: string): string => BigInt(`0x${hashOf(text)}`).toString(36);
const base32 = (text: string): string =>
  BigInt(`0x1${hashOf(text, "sha512")}`)
    .toString(32)
    .slice(1)
    .replaceAll(/[0189]/gu, (one) => "wxyz".charAt("0189".indexOf(one)));

function passes(text: string): boolean {
  const digits = text.replaceAll(/\D/gu, "");
  const sum = digits
    .split("")
    .toReversed()
    .reduce((total, digit, at) => {
      const value = at % 2 === 1 ? Number(digit) * 2 : Number(digit);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
  return sum % 10 === 0;
}

/** Each of its own kind. */
const single: readonly string[] = [
  "The token: it expired yesterday, please ask for a new one",
  "the password: must be changed after 90 days",
  "Password reset for the staging environment is disabled",
  "secret santa list for the team, see the wiki",
  "authorization: required for every call",
  "Bearer authentication is used by the gateway",
  "Basic realm of the problem is the connection pool",
  "Der Dienst antwortet seit 09:47 Uhr nicht mehr; bitte den Knoten neu starten und das Kennwort der Datenbank nicht ändern.",
  "Donaudampfschifffahrtsgesellschaftskapitänsmütze und Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
  "本番データベースが応答しません。手順書のとおりに再起動してください。担当者は田中さんです。",
  "Le mot de passe n'a pas été changé, seulement la configuration du réseau.",
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ops@example.com",
  "aGVsbG8gd29ybGQsIHRoaXMgaXMgb25seSBhIHRleHQ=",
  "getUserAccountSettingsByIdAndRegionV2",
  "ConfigurationManagementDatabaseSynchronizationJob",
  "PAYMENT_GATEWAY_RETRY_TIMEOUT_SECONDS_V2",
  "com.example.payments.gateway.RetryPolicyFactoryBean2",
  "kubectl rollout restart deployment/payment-gateway --namespace prod-eu-central-1",
  "docker run -p 8080:80 -u 1000:1000 nginx:1.27.3",
  "curl -u admin https://internal.example.com/health",
  "mysqldump --single-transaction --max-allowed-packet=512M orders",
  "--token-file /var/run/secrets/token --secret-name orders-db",
  "password=$DB_PASSWORD psql -h db-1",
  "token=${TOKEN} deploy.sh",
  "https://user@example.com/path",
  "http://localhost:8080/metrics?x=y@z",
  "postgres://db-1.internal:5432/orders?sslmode=require",
  "10.0.0.1:8080, 192.168.100.200:443 and [2001:db8::ff00:42:8329]:53",
  "2026-11-23 09:47:30,123 4711 0815 1234 5678",
  "EAN 4006381333931 and ISBN 978-3-16-148410-0",
  "IMEI 490154203237518",
  "invoice DE123456789, order 2026-000123-4567",
  "DE00 1234 5678 9012 3456 78",
  "GB33 not an account",
  "1700000000000 1700000000000000 1700000000000000000",
  'W/"33a64df551425fcc55e4d42a148795d9f25f89d4"',
  "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "507f1f77bcf86cd799439011",
  "usr/local/lib/python3.12/site-packages/opentelemetry/instrumentation/aiohttp_client",
  "/home/deploy/releases/20261123094730/current/public/packs/js/application-2f5d7a9c1e.js",
  "C:\\Users\\deploy\\AppData\\Local\\Programs\\Python\\Python312\\python.exe",
  "const [state, setState] = useState<Record<string, string>>({});",
  "if (token == null) throw new Error('no token');",
  "function isSecretName(name: string): boolean { return names.has(name); }",
  "TypeError: Cannot read properties of undefined (reading 'accessToken')",
  "X-Request-Id: 4bf92f3577b34da6a3ce929d0e0e4736",
  "Content-Type: application/json; charset=utf-8",
  "cn=app,ou=services,dc=example,dc=com",
  'if (password === "") return fault;',
  "const token = null; let secret;",
  "token === undefined ? fail() : next(token)",
  "getUserAccountByIdAndRegionAndTenant",
  "the session id 5f2b9c1e-7a3d-4e8f-9b0a-1c2d3e4f5a6b is over",
  "sessionId 4bf92f3577b34da6a3ce929d0e0e4736 ended",
  "cookie: must be set before the call",
  "Cookies are off in this browser",
  "curl -sS https://internal.example.com:8443/health | jq .status",
  "curl -b cookies.txt -u admin https://internal.example.com/",
  "docker login registry.example.com",
  "docker compose -p shop up -d",
  "ssh -p 2222 deploy@host-1 'mysql -u app orders'",
  "mkdir -p /srv/mysql -p /srv/curl",
  "redis-cli -h cache-1 -p 6379 ping",
  "mysql -p orders",
  "openssl x509 -in cert.pem -noout -dates",
  "zip -r backup.zip releases",
  "ldapsearch -x -b dc=example,dc=com",
  "kind: ConfigMap\ndata:\n  url: https://db-1.internal/orders\n",
  "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec:\n  name: orders-db\n",
  "kind: Deployment\nspec:\n  secretName: orders-db\n  replicas: 3\n",
  "The kind: Secret is what it should be",
  "password: required\ntoken: expired\nuser: app\n",
  "the PIN has 4 digits, the CVV three",
  "OTP by text message is off",
  "CVC replicas: 12, pin versions to 1.2.3",
  "the token bucket has 1000 tokens a minute",
  "secret rotation every 90 days, api key rotation too",
  "token orders-db-credentials-2026-11-23 is the name of it",
  "<id>main</id><token/><password></password>",
  "https://store.example.com/dump.gz?signature=none&sig=v2",
  "AccessDenied: User is not authorized to perform secretsmanager:GetSecretValue",
  "eyJust a word that starts so",
  "sk-learn-pipeline-for-the-forecast-of-demand",
  "skip-this-step-and-go-on-with-the-next-one-please",
  "AKIA is how access key ids start",
  "xoxb is a prefix of Slack's",
  "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUY2VydGlmaWNhdGUgb2YgYSB0ZXN0MAoGCCqGSM49BAMC\nMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDAeFw0yNjExMjMwMDAwMDBaFw0yNzExMjMw\n-----END CERTIFICATE-----",
  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----",
  "remove the line -----BEGIN RSA PRIVATE KEY----- from the template",
];

/** Fields whose names look like a secret's, or whose value only says where one is. */
const fields: readonly JsonObject[] = [
  { secretId: "whs_abcdefgh12" },
  { secretName: "orders-db" },
  { tokenCount: 12_345 },
  { maxTokens: 4_096 },
  { totalTokens: 812, promptTokens: 700 },
  { keyName: "main" },
  { passwordPolicy: "long" },
  { passwordMinLength: 12 },
  { nextPageToken: "CAUQAA" },
  { continuationToken: "page-2" },
  { primaryKey: "id", partitionKey: "tenant", sortKey: "createdAt" },
  { idempotencyKey: "restart-2026-11-23" },
  { publicKey: "see the wiki" },
  { password: "${DB_PASSWORD}" },
  { password: null, token: true },
  { apiKey: "op://prod/orders/api-key" },
  { env: { API_TOKEN: `sha256:${hashOf("value")}` } },
  { tokenizer: "cl100k_base" },
  { authorizationRequired: true },
  { cookieConsent: "accepted" },
  { commitId: "V1StGXR8Z5jdHi6BmyTq2WV1StGXR8" },
  { documentId: "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms" },
  { etag: "bXVsdGlwYXJ0VXBsb2FkMjAyNjExMjM" },
  { paymentIntent: "pi_3MtwBwLkdIwHu7ix28a3tqPa" },
  { publicKey: "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=" },
  { nextPageToken: "V1StGXR8Z5jdHi6BmyTq2WV1StGXR8" },
  { sessionId: "5f2b9c1e-7a3d-4e8f-9b0a-1c2d3e4f5a6b" },
  { gpio: { pin: 17, pins: [1, 2, 3] } },
  { pin: "1.2.3" },
  { cvc: "converter" },
  { argv: ["docker", "run", "-p", "8080:80", "-u", "1000:1000", "nginx"] },
  { argv: ["mkdir", "-p", "/srv/orders"] },
  { argv: ["mysql", "-u", "app", "-P", "3306", "orders"] },
  { argv: ["curl", "-u", "admin", "https://internal.example.com:8443/"] },
  { kind: "ConfigMap", data: { url: "https://db-1.internal/orders" } },
  { kind: "Deployment", data: "none" },
  { compassHeading: "north", passenger: "two" },
  { encompass: "all", bypass: "none" },
  { secretaryName: "Ann" },
  { tokenType: "bearer" },
  { orderNumber: 4_111_111_111_111_112 },
  { createdAtMs: 1_763_890_050_123 },
  { phone: 4_930_123_456 },
  { secretRef: { name: "orders-db", key: "url" } },
];

/** Every one of them, in the same order for the same seed. */
export function innocents(seed: number): JsonObject[] {
  return [...[...numbered(new Dice(seed)), ...single].map((text) => ({ text })), ...fields];
}
