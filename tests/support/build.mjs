/** The Worker's assets are the built page: without it no engine starts. */
export { ensureBuilt as setup } from "../../scripts/ensure.mjs";
