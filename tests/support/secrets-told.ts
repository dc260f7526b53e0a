import type { JsonObject } from "../../schemas/json.ts";
import type { Dice } from "./dice.ts";
import { base62, card, closed, digits, drawn, hex, until } from "./drawn.ts";

/** Words that people put together to a password. */
const word = (dice: Dice): string =>
  dice.pick(["Tulip", "harbour", "Copper", "velvet", "Orchid", "granite", "Walnut", "saffron"]);
const password = (dice: Dice): string =>
  `${word(dice)}${dice.pick(["!", "-", "_", "#"])}${drawn(dice, 4, digits)}`;

/** Letters that change their kind more often than every third. */
const changesOften = (text: string): boolean =>
  (text.match(/[A-Z]?[a-z]+|[A-Z]+|[0-9]+/gu)?.length ?? 0) > text.length / 3;

/** What shows a secret by what stands round it: the whole, with `secret` in it. */
type Told = { readonly whole: JsonObject; readonly secret: string };

export const told: Readonly<Record<string, (dice: Dice) => Told>> = {
  "password by the name of its field": (dice) => {
    const secret = password(dice);
    return {
      whole: { [dice.pick(["password", "dbPassword", "DB_PASSWORD", "passwd", "user-password"])]: secret },
      secret,
    };
  },
  "secret by the name of its field": (dice) => {
    const secret = drawn(dice, 10);
    const name = dice.pick([
      "clientSecret",
      "client_secret",
      "apiKey",
      "API_KEY",
      "privateKey",
      "accessKey",
      "x-api-key",
    ]);
    return { whole: { config: { [name]: secret } }, secret };
  },
  "token by the name of its field": (dice) => {
    const secret = drawn(dice, 12);
    return {
      whole: { auth: [{ [dice.pick(["token", "accessToken", "refresh_token", "sessionToken"])]: secret }] },
      secret,
    };
  },
  "number by the name of its field": (dice) => {
    const secret = `7${drawn(dice, 7, digits)}`;
    return { whole: { [dice.pick(["passcode", "token", "secret"])]: Number(secret) }, secret };
  },
  "header in a field": (dice) => {
    const secret = drawn(dice, 20);
    return { whole: { headers: { Authorization: `Bearer ${secret}` } }, secret };
  },
  "cookie in a field": (dice) => {
    const secret = drawn(dice, 16);
    return { whole: { headers: { Cookie: `theme=dark; session=${secret}` } }, secret };
  },
  "variable by its name": (dice) => {
    const secret = password(dice);
    return {
      whole: { env: [{ name: dice.pick(["PGPASSWORD", "DB_PASSWORD", "SMTP_PASSWORD"]), value: secret }] },
      secret,
    };
  },
  "argument after its flag": (dice) => {
    const secret = password(dice);
    return {
      whole: { argv: ["deploy", dice.pick(["--password", "--token", "--api-key"]), secret, "--now"] },
      secret,
    };
  },
  "argument with its flag": (dice) => {
    const secret = password(dice);
    return {
      whole: { argv: ["deploy", `${dice.pick(["--password", "--client-secret"])}=${secret}`] },
      secret,
    };
  },
  "variable in a command line": (dice) => {
    const secret = password(dice);
    return { whole: { argv: ["sh", "-c", `PGPASSWORD=${secret} psql -h db-1 -c 'select 1'`] }, secret };
  },
  "assignment in a text": (dice) => {
    const secret = password(dice);
    return { whole: { note: `restarted with password=${secret} as before` }, secret };
  },
  "JSON in a text": (dice) => {
    const secret = password(dice);
    return { whole: { body: JSON.stringify({ user: "app", password: secret }) }, secret };
  },
  "YAML in a text": (dice) => {
    const secret = password(dice);
    return { whole: { file: `db:\n  host: db-1\n  password: ${secret}\n  pool: 5\n` }, secret };
  },
  "address with a password": (dice) => {
    const secret = drawn(dice, 12);
    return {
      whole: {
        dsn: `${dice.pick(["postgres", "mysql", "mongodb+srv", "redis", "amqp", "https"])}://app:${secret}@db-1.internal/app`,
      },
      secret,
    };
  },
  "connection string": (dice) => {
    const secret = password(dice);
    return { whole: { dsn: `Server=db-1;Database=app;User Id=app;Password=${secret};Encrypt=true` }, secret };
  },
  "header in a text": (dice) => {
    const secret = drawn(dice, 24);
    return {
      whole: { argv: ["curl", "-H", `Authorization: Bearer ${secret}`, "https://api.example.com"] },
      secret,
    };
  },
  "AWS secret key": (dice) => {
    const secret = drawn(dice, 40, `${base62}/+`);
    return { whole: { file: `[default]\naws_secret_access_key = ${secret}\n` }, secret };
  },
  "card as a number": (dice) => {
    const secret = card(dice, "4", 16);
    return { whole: { amount: 12, pan: { no: Number(secret) } }, secret };
  },
  "token as the name of a field": (dice) => {
    const secret = `ghp_${drawn(dice, 36)}`;
    return { whole: { seen: { [secret]: 3 } }, secret };
  },
  "last of many in prose": (dice) => {
    const secret = `glpat-${closed(dice, 20)}`;
    return {
      whole: {
        reason: `Der Server antwortet nicht mehr, 再起動してください。 The runner used ${secret}, please rotate it.`,
      },
      secret,
    };
  },
  "user and password of curl": (dice) => {
    const secret = password(dice);
    const pair = `admin:${secret}`;
    return {
      whole: dice.pick<JsonObject>([
        { argv: ["curl", "-sS", "-u", pair, "https://internal.example.com"] },
        { argv: ["/usr/bin/curl", `-u${pair}`, "https://internal.example.com"] },
        { argv: ["sh", "-c", `curl -fsSu ${pair} https://internal.example.com | jq .`] },
        { note: `it answers to curl --user '${pair}' https://internal.example.com` },
        { step: { command: "curl", args: ["--proxy-user", pair] } },
        { script: `curl \\\n  -X POST \\\n  -u "${pair}" \\\n  https://internal.example.com` },
      ]),
      secret,
    };
  },
  "password of a database's client": (dice) => {
    const secret = password(dice);
    return {
      whole: dice.pick<JsonObject>([
        { argv: ["mysql", "-h", "db-1", "-uroot", `-p${secret}`, "orders"] },
        { argv: ["docker", "exec", "db", "mysqldump", `-p${secret}`, "orders"] },
        { cmd: `mysql -u root -p${secret} orders < dump.sql` },
        { cmd: `mysql -u root -p'${secret}' orders` },
        { cmd: `mysqladmin --password=${secret} status` },
        { argv: ["redis-cli", "-a", secret, "ping"] },
        { cmd: `mongosh -u app -p ${secret} mongodb/orders` },
      ]),
      secret,
    };
  },
  "password of a login": (dice) => {
    const secret = password(dice);
    return {
      whole: dice.pick<JsonObject>([
        { argv: ["sshpass", "-p", secret, "ssh", "db-1"] },
        { cmd: `sshpass -p ${secret} ssh db-1 uptime` },
        { cmd: `docker login -u app -p ${secret} registry.example.com` },
        { argv: ["helm", "registry", "login", "-p", secret] },
        { cmd: `openssl rsa -in key.pem -passin pass:${secret}` },
        { argv: ["ldapsearch", "-x", "-D", "cn=app", "-w", secret] },
      ]),
      secret,
    };
  },
  "data of a Kubernetes Secret": (dice) => {
    const plain = password(dice);
    const secret = Buffer.from(plain).toString("base64");
    const yaml = `apiVersion: v1\nkind: Secret\nmetadata:\n  name: orders-db\ntype: Opaque\ndata:\n  url: ${secret}\n`;
    return {
      whole: dice.pick<JsonObject>([
        {
          manifest: {
            apiVersion: "v1",
            kind: "Secret",
            metadata: { name: "orders-db" },
            data: { url: secret },
          },
        },
        { manifest: yaml },
        { manifest: `apiVersion: v1\nkind: ConfigMap\ndata:\n  mode: fast\n---\n${yaml}` },
        { manifest: JSON.stringify({ apiVersion: "v1", kind: "Secret", data: { url: secret } }) },
        { manifest: { kind: "Secret", stringData: { url: secret } } },
        { manifest: `kind: Secret\nstringData:\n  app.ini: |\n    url = db-1\n    key = ${secret}\n` },
      ]),
      secret,
    };
  },
  "signature of an address": (dice) => {
    const secret = dice.pick([
      drawn(dice, 64, hex),
      encodeURIComponent(`${drawn(dice, 20)}+${drawn(dice, 22)}=`),
    ]);
    const name = dice.pick(["sig", "X-Amz-Signature", "X-Goog-Signature", "signature", "access_token"]);
    return {
      whole: { url: `https://store.example.com/dump.gz?se=2026-11-30&${name}=${secret}&sp=r` },
      secret,
    };
  },
  "code of an address": (dice) => {
    const secret = drawn(dice, 40, hex.replace("a", "1"));
    return {
      whole: { url: `https://app.example.com/back?${dice.pick(["code", "key", "sid"])}=${secret}b1` },
      secret,
    };
  },
  "session in a cookie": (dice) => {
    const secret = drawn(dice, 16);
    return {
      whole: dice.pick<JsonObject>([
        { argv: ["curl", "-H", `Cookie: theme=dark; s=${secret}`, "https://example.com"] },
        { argv: ["curl", "-b", `s=${secret}`, "https://example.com"] },
        { log: `GET / 200\nCookie: s=${secret}; theme=dark\nAccept: */*` },
        { log: `Set-Cookie: s=${secret}; HttpOnly; Path=/` },
        { note: `sessionid=${secret} is what it sends` },
        { cookies: { theme: "dark", s: secret } },
        { log: `GET /app;jsessionid=${secret}` },
      ]),
      secret,
    };
  },
  "code of a card": (dice) => {
    const secret = drawn(dice, 3, digits);
    const whole = dice.pick<JsonObject>([
      { card: { cvv: secret } },
      { card: { cvc: Number(`1${secret.slice(1)}`) } },
      { note: `the cvv is ${secret}` },
      { note: `paid, CVC: ${secret}, today` },
      { form: `number=x&cvc=${secret}&exp=12` },
    ]);
    return { whole, secret: JSON.stringify(whole).includes(secret) ? secret : `1${secret.slice(1)}` };
  },
  PIN: (dice) => {
    const secret = `1${drawn(dice, 3, digits)}`;
    return {
      whole: dice.pick<JsonObject>([
        { pin: secret },
        { cardPin: Number(secret) },
        { note: `his PIN is ${secret}` },
        { note: `pin: ${secret}` },
        { note: `USER_PIN=${secret} and go` },
      ]),
      secret,
    };
  },
  "token after a word": (dice) => {
    const secret = until(
      () => drawn(dice, 22),
      (text) => /[0-9].*[A-Z].*[0-9]|[0-9].*[a-z].*[0-9]/u.test(text) && changesOften(text),
    );
    return {
      whole: dice.pick<JsonObject>([
        { note: `use the token ${secret} for it` },
        { note: `the api key is ${secret}.` },
        { note: `its secret: "${secret}"` },
        { note: `I was given the access key \`${secret}\`` },
      ]),
      secret,
    };
  },
  "JSON in JSON in a text": (dice) => {
    const secret = password(dice);
    return {
      whole: { log: JSON.stringify({ body: JSON.stringify({ user: "app", password: secret }) }) },
      secret,
    };
  },
  "element of XML": (dice) => {
    const secret = password(dice);
    return { whole: { file: `<server><id>main</id><password>${secret}</password></server>` }, secret };
  },
  "word in a file": (dice) => {
    const secret = `${dice.pick(["tulip", "harbour", "copper"])}${dice.pick(["rain", "stone", "bird"])}`;
    return { whole: { file: `db:\n  user: app\n  password: ${secret}\n  pool: 5\n` }, secret };
  },
};
