/**
 * An error as a line of a log has it: what went wrong and where in the code, and nothing of what was being worked on. A schema's error
 * carries the whole value that did not fit, and one of JSON.parse quotes the text round its place: either may hold what somebody's
 * request was redacted of, or what has been let go of since.
 */
export function faultText(error: unknown): string {
  if (typeof error === "string") return error;
  if (!(error instanceof Error)) return `not an error but ${typeof error}`;
  const { name, stack = "" } = error;
  const places = stack.split("\n").filter((line) => /^\s+at\s/u.test(line));
  return [`${name}: ${messageOf(error)}`, ...places.slice(0, 12)].join("\n");
}

function messageOf(error: Error): string {
  if ("issues" in error && Array.isArray(error.issues)) {
    return error.issues
      .slice(0, 3)
      .map((issue: unknown) => `${placeOf(issue)} is not as it is described`)
      .join("; ");
  }
  return error.message.replace(/"[^]*"/u, '"…"').slice(0, 400);
}

/** Names of members are the schema's; those of a record are what somebody wrote, and long. */
function placeOf(issue: unknown): string {
  if (typeof issue !== "object" || issue === null || !("path" in issue) || !Array.isArray(issue.path)) {
    return "the value";
  }
  const keys = issue.path.map((item: unknown) =>
    typeof item === "object" && item !== null && "key" in item ? String(item.key).slice(0, 40) : "?",
  );
  return `/${keys.join("/")}`;
}
