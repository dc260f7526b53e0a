import { render } from "preact";
import { App } from "./app.tsx";
import { loadSession } from "./session.ts";

const root = document.getElementById("page");
if (root === null) throw new Error("the page has no place to be drawn in");
render(<App />, root);
void loadSession();
