/** What Workers give a module, as far as the files of a variant need it. */
export function DurableObject(ctx, env) {
  this.ctx = ctx;
  this.env = env;
}
export const WorkerEntrypoint = DurableObject;
export const env = {};
