import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { listenToFeed, feedState } from "./feed.ts";
import { useKeys } from "./keyboard.ts";
import { Help } from "./parts/help.tsx";
import { SignInAgain } from "./parts/sign-in-again.tsx";
import { Stopped } from "./parts/stopped.tsx";
import { followLinks, place } from "./route.ts";
import { session, signOut } from "./session.ts";
import { useStore } from "./store.ts";
import { ActionPage } from "./views/action.tsx";
import { Queue } from "./views/queue.tsx";
import { SignIn } from "./views/sign-in.tsx";

/** The page: a bar above, one view below, and over both a sign-in where one is due. */
export function App(): JSX.Element {
  const state = useStore(session);
  const { path } = useStore(place);
  useEffect(() => {
    document.addEventListener("click", followLinks);
    return () => document.removeEventListener("click", followLinks);
  }, []);
  if (path === "/sign-in") return <SignIn />;
  if (state.kind === "asking") return <p class="asking">Loading…</p>;
  if (state.kind === "out") return <SignIn />;
  return (
    <Frame path={path}>
      <View path={path} />
      <SignInAgain />
    </Frame>
  );
}

function View({ path }: { path: string }): JSX.Element {
  const id = /^\/actions\/(act_[\w-]+)$/u.exec(path)?.[1];
  if (id !== undefined) return <ActionPage key={id} id={id} />;
  if (path === "/on-call") return <OnCallLater />;
  if (path === "/") return <Queue />;
  return (
    <section class="empty">
      <h1>There is nothing here</h1>
      <p>
        <a href="/">To the queue</a>
      </p>
    </section>
  );
}

/** The charts are a third of the script, and most people never look at them. */
function OnCallLater(): JSX.Element {
  const [OnCall, setOnCall] = useState<(() => JSX.Element) | null>(null);
  useEffect(() => {
    void import("./views/on-call.tsx").then((module) => setOnCall(() => module.OnCall));
  }, []);
  return OnCall === null ? <p class="asking">Loading…</p> : <OnCall />;
}

function Frame({ path, children }: { path: string; children: ComponentChildren }): JSX.Element {
  const [help, setHelp] = useState(false);
  useKeys({ "?": () => setHelp(true) });
  // Kept while the page is open, so that going from view to view misses nothing.
  useEffect(() => listenToFeed({ changed: () => undefined, missed: () => undefined }), []);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="bar">
        <a class="name" href="/">
          Holdpoint
        </a>
        <nav aria-label="Views">
          <NavLink href="/" here={path === "/"}>
            Queue
          </NavLink>
          <NavLink href="/on-call" here={path === "/on-call"}>
            On-call
          </NavLink>
        </nav>
        <Live />
        <button
          type="button"
          class="quiet"
          aria-label="Help and keyboard shortcuts"
          onClick={() => setHelp(true)}
        >
          ?
        </button>
        <Person />
      </header>
      <Stopped />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

function NavLink({
  href,
  here,
  children,
}: {
  href: string;
  here: boolean;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <a href={href} aria-current={here ? "page" : undefined}>
      {children}
    </a>
  );
}

/** Whether what is shown is how things are. */
function Live(): JSX.Element {
  const state = useStore(feedState);
  return (
    <span class={`live ${state}`} role="status">
      {state === "live" ? "Live" : "Reconnecting…"}
    </span>
  );
}

function Person(): JSX.Element | null {
  const state = useStore(session);
  if (state.kind !== "in") return null;
  return (
    <span class="person">
      <span>{state.session.name}</span>
      <button type="button" class="quiet" onClick={() => void signOut().catch(() => undefined)}>
        Sign out
      </button>
    </span>
  );
}
