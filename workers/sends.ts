import { boardOf } from "./stubs.ts";

/**
 * Tells the Board what came of sending an action's notices, for the figures. Never throws: a figure that is one behind is
 * not worth a delivery that is made twice.
 */
export async function noteSends(
  env: Env,
  workspace: string,
  { action, delivered, failed }: { action: string; delivered: readonly string[]; failed: number },
): Promise<void> {
  // Whoever asked hears of their own request by the callback; that is nobody who could decide it.
  const told = delivered.some((sink) => sink !== "callback");
  try {
    const notifiedAt = told ? Date.now() : null;
    await boardOf(env, workspace).sent({ action, delivered: delivered.length, failed, notifiedAt });
  } catch (error) {
    console.error("figures", workspace, action, error);
  }
}
