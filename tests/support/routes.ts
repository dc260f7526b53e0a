import type { Caller } from "./caller.ts";

/** One route as the engine describes it in /openapi.json. `scope` is null where no key is asked for. */
export type DescribedRoute = {
  readonly method: string;
  /** With parameters in braces, such as `/v1/actions/{id}`. */
  readonly path: string;
  readonly scope: string | null;
};

type Operation = { "x-scope"?: string; security?: unknown[] };

export async function describedRoutes(who: Caller): Promise<DescribedRoute[]> {
  const { paths } = await who.get<{ paths: Record<string, Record<string, Operation>> }>("/openapi.json");
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      scope: operation["x-scope"] ?? null,
    })),
  );
}

/** The route's address with its parameters filled in. */
export const addressOf = ({ path }: Pick<DescribedRoute, "path">, id: string): string =>
  path.replaceAll(/\{\w+\}/gu, id);
