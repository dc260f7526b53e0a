import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { visible } from "../../core/card/visible.ts";
import { KillSwitches, type KillSwitchView } from "../../schemas/kill-switch.ts";
import { call } from "../api.ts";

const everyMs = 15_000;

/** What kill switches stop, above everything else: nobody is to wonder why nothing moves. */
export function Stopped(): JSX.Element | null {
  const switches = useSwitches();
  if (switches.length === 0) return null;
  return (
    <div class="stopped" role="alert">
      {switches.map(({ scope, by, reason, at }) => (
        <p key={scope}>
          <strong>{scope === "*" ? "Everything is stopped" : `${visible(scope)} is stopped`}</strong> by{" "}
          {visible(by)} since <time dateTime={at}>{at.slice(0, 16).replace("T", " ")} UTC</time>:{" "}
          {visible(reason)}
        </p>
      ))}
    </div>
  );
}

/** Where they cannot be asked for, what was known stays. */
function useSwitches(): readonly KillSwitchView[] {
  const [switches, setSwitches] = useState<readonly KillSwitchView[]>([]);
  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async (): Promise<void> => {
      try {
        setSwitches((await call(KillSwitches, "/v1/kill-switches", { signal: ended.signal })).switches);
      } catch {
        if (ended.signal.aborted) return;
      }
      timer = setTimeout(() => void load(), everyMs);
    };
    void load();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, []);
  return switches;
}
