/**
 * How an object is reached: always by a name that starts with the workspace of the authenticated principal, so
 * that no id in a request can lead into another workspace (threat T15). A stub is made anew for each call,
 * because one that has failed stays broken.
 */
export const actionOf = (env: Env, workspace: string, id: string): ReturnType<Env["ACTIONS"]["getByName"]> =>
  env.ACTIONS.getByName(`${workspace}/${id}`);

export const registryOf = (env: Env, workspace: string): ReturnType<Env["REGISTRY"]["getByName"]> =>
  env.REGISTRY.getByName(`${workspace}/registry`);

export const boardOf = (env: Env, workspace: string): ReturnType<Env["BOARD"]["getByName"]> =>
  env.BOARD.getByName(`${workspace}/board`);

export const ledgerOf = (env: Env, workspace: string): ReturnType<Env["LEDGER"]["getByName"]> =>
  env.LEDGER.getByName(`${workspace}/ledger`);

/** The Registry of the engine itself: its workspaces and signing keys. `engine` is no workspace's name. */
export const engineOf = (env: Env): ReturnType<Env["REGISTRY"]["getByName"]> => registryOf(env, "engine");
