/**
 * The single statements of a text of SQL. A cursor tells the rows of its last statement only, so a text of several has to
 * be run piece by piece to be counted. Knows quotes, and that the body of a trigger ends with END; drops comments.
 */
export function statementsOf(sql: string): string[] {
  const statements: string[] = [];
  let statement = "";
  let depth = 0;
  for (const [token] of sql.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[^]*?\*\/|\w+|[^]/gu)) {
    if (token.startsWith("--") || token.startsWith("/*")) continue;
    const word = token.toUpperCase();
    const isTrigger = /^\s*CREATE\s+(TEMP\s+)?TRIGGER\b/iu.test(statement);
    if (isTrigger && (word === "BEGIN" || word === "CASE")) depth += 1;
    if (isTrigger && word === "END") depth -= 1;
    if (token !== ";" || depth > 0) {
      statement += token;
      continue;
    }
    statements.push(statement.trim());
    statement = "";
  }
  statements.push(statement.trim());
  return statements.filter((text) => text !== "");
}

/** What a statement does to which table, such as `INSERT events`: short enough for a table of figures. */
export function statementName(sql: string): string {
  const text = sql.replaceAll(/\s+/gu, " ").trim();
  const create = /^CREATE (?:UNIQUE )?(TABLE|INDEX|TRIGGER) (?:IF NOT EXISTS )?(\w+)/iu.exec(text);
  if (create !== null) return `CREATE ${create[1]?.toUpperCase()} ${create[2]}`;
  const change = /^(INSERT|UPDATE|DELETE|REPLACE)(?: OR \w+)?(?: INTO| FROM)? (\w+)/iu.exec(text);
  if (change !== null) return `${change[1]?.toUpperCase()} ${change[2]}`;
  const read = /^(?:SELECT|WITH)\b.*?\bFROM (\w+)/iu.exec(text);
  return read === null ? text.slice(0, 40) : `SELECT ${read[1]}`;
}
