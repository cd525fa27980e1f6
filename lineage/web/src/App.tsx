// The frame around every view: where one is, whether it is live, and which instant is shown.
import { useEffect, useRef, useState } from "react";
import { Mark, Icon } from "./parts/icons";
import { type Badge, Choice, Empty, To } from "./parts/basics";
import { Boundary } from "./parts/Boundary";
import { CompareBar } from "./parts/CompareBar";
import { Drops } from "./parts/Drops";
import { ZoneBar } from "./parts/ZoneBar";
import { Scrubber } from "./parts/Scrubber";
import { SignIn } from "./parts/SignIn";
import { go, live, pathOf, useAddress, useBoard, useStatus } from "./use";
import { ClockContext, useStored } from "./stored";
import { Lineage } from "./views/Lineage";
import { CityMap } from "./views/CityMap";
import { Quotes } from "./views/Quotes";
import { Explain } from "./views/Explain";
import { Messages } from "./views/Messages";
import { Losses } from "./views/Losses";
import type { Clock } from "./format";

const VIEWS = [
  ["lineage", "Lineage"],
  ["map", "Map"],
  ["quotes", "Quotes"],
  ["messages", "Messages"],
  ["losses", "Late and lost"],
] as const;
type Theme = "auto" | "light" | "dark";

export function App() {
  const [role, setRole] = useState<string | null | undefined>(undefined);
  const [theme, setTheme] = useStored<Theme>("theme", "auto");
  useTheme(theme);
  useEffect(() => {
    signedIn().then((found) => {
      setRole(found);
      if (found) live.open();
    });
  }, []);
  if (role === undefined) return null;
  if (role === null)
    return (
      <SignIn
        done={(found) => {
          setRole(found);
          live.open();
        }}
      />
    );
  return <Frame role={role} theme={theme} setTheme={setTheme} />;
}

/** The role of this browser: a token in the address's fragment signs in and is removed from it. */
async function signedIn(): Promise<string | null> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname + location.search);
    const response = await fetch("/api/session", { method: "POST", body: JSON.stringify({ token }) });
    if (response.ok) return (await response.json()).role;
  }
  const response = await fetch("/api/session").catch(() => null);
  if (!response) return null;
  return (await response.json()).role;
}

function Frame({ role, theme, setTheme }: { role: string; theme: Theme; setTheme: (theme: Theme) => void }) {
  const address = useAddress();
  const status = useStatus();
  const [clock, setClock] = useStored<Clock>("clock", "utc");
  const help = useRef<HTMLDialogElement>(null);
  const title = VIEWS.find(([view]) => view === address.view)?.[1];
  useKeys(() => help.current?.showModal());
  useEffect(() => {
    document.title = title ? `${title} · Faretide` : "Faretide";
  }, [title]);
  return (
    <ClockContext value={clock}>
      <div className="frame">
        <nav className="rail" aria-label="Views">
          <To view="lineage" className="brand">
            <Mark />
            <span>Faretide</span>
          </To>
          {VIEWS.map(([view, name]) => (
            <ViewLink key={view} view={view} name={name} current={address.view === view} />
          ))}
          <footer>
            <div className="row">
              <span className="text">Theme</span>
              <select className="field" aria-label="Theme" value={theme} onChange={(event) => setTheme(event.target.value as Theme)}>
                <option value="auto">auto</option>
                <option value="light">light</option>
                <option value="dark">dark</option>
              </select>
            </div>
            <span className="text">Signed in as {role}</span>
          </footer>
        </nav>
        <header className="top">
          <h1>{title ?? "Not found"}</h1>
          <Pulse />
          <Scrubber />
          <span className="wide">
            <Choice label="Clock" options={[["utc", "UTC"], ["local", "Local"]]} value={clock} onChange={setClock} />
          </span>
          <button className="button plain wide" type="button" onClick={() => help.current?.showModal()} aria-label="Keyboard shortcuts">
            <kbd>?</kbd>
          </button>
        </header>
        <main className={`main${status.status === "lost" && status.mode.kind === "live" ? " grey" : ""}`}>
          {status.status === "lost" && status.mode.kind === "live" && (
            <div className="notice" role="alert">
              The dashboard's server does not answer. What you see is the last known state; trying again.
            </div>
          )}
          {status.status === "refused" && (
            <div className="notice" role="alert">
              You are no longer signed in. <a href="/">Sign in again</a>
            </div>
          )}
          {status.mode.kind === "past" && status.gone.map((sentence) => <div key={sentence} className="strip" role="status">{sentence}</div>)}
          <Drops />
          <ZoneBar />
          <CompareBar />
          <div className="view-box">
            <Boundary where={pathOf(address)}>
              <View view={address.view} item={address.item} role={role} />
            </Boundary>
          </div>
        </main>
        <Help dialog={help} />
      </div>
    </ClockContext>
  );
}

function View({ view, item, role }: { view: string; item: string; role: string }) {
  if (view === "lineage") return <Lineage chosen={item} />;
  if (view === "map") return <CityMap chosen={item} />;
  if (view === "quotes") return item ? <Explain place={item} operator={role === "operator"} /> : <Quotes />;
  if (view === "messages") return <Messages topic={item} operator={role === "operator"} />;
  if (view === "losses") return <Losses />;
  return (
    <Empty title="There is no such view">
      <To view="lineage">Go to the lineage</To>
    </Empty>
  );
}

function ViewLink({ view, name, current }: { view: string; name: string; current: boolean }) {
  const graph = useBoard("lineage");
  let alerts = 0;
  if (view === "lineage")
    for (const [key, value] of graph) if (key.startsWith("node/")) alerts += (value.badges as Badge[]).filter((badge) => badge.severity === "error").length;
  return (
    <a
      className="view"
      href={`/${view}`}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey) return;
        event.preventDefault();
        go({ view, item: "", query: {} });
      }}
    >
      <Icon name={view} />
      <span>{name}</span>
      {alerts > 0 && (
        <span className="alerts" aria-label={`${alerts} faults`}>
          {alerts}
        </span>
      )}
    </a>
  );
}

function Pulse() {
  const { status, mode } = useStatus();
  const shown = mode.kind === "live" ? status : mode.kind;
  const words = { live: "Live", connecting: "Connecting", lost: "Reconnecting", refused: "Signed out", paused: "Paused", past: "Earlier" }[shown];
  return (
    <span className={`pulse ${shown}`} role="status" data-status={shown}>
      {words}
    </span>
  );
}

function useTheme(theme: Theme) {
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const set = () => {
      document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
    };
    set();
    dark.addEventListener("change", set);
    return () => dark.removeEventListener("change", set);
  }, [theme]);
}

function useKeys(help: () => void) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = (event.target as HTMLElement).closest("input, select, textarea");
      if (event.key === "Escape" && typing) (typing as HTMLElement).blur();
      if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "/") {
        document.querySelector<HTMLInputElement>("[data-search]")?.focus();
        event.preventDefault();
      } else if (event.key === "?") help();
      else if (event.key === " " && event.target === document.body) {
        event.preventDefault();
        if (live.mode.kind === "live") live.pause();
        else live.resume();
      } else if ("12345".includes(event.key)) go({ view: VIEWS[Number(event.key) - 1]![0], item: "", query: {} });
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function Help({ dialog }: { dialog: React.RefObject<HTMLDialogElement | null> }) {
  const keys = [
    ["1 – 5", "Lineage, map, quotes, messages, late and lost"],
    ["/", "Search or filter"],
    ["space", "Pause, or go live again"],
    ["j  k", "Next and previous row; Enter opens it"],
    ["shift-click", "On the map: choose zones, by which the other views filter"],
    ["← → ↑ ↓", "From node to node in the graph"],
    ["Esc", "Close what is open"],
  ];
  return (
    <dialog ref={dialog} aria-label="Keyboard shortcuts">
      <h2>Keyboard</h2>
      <dl className="facts" style={{ margin: "14px 0 18px" }}>
        {keys.map(([key, what]) => (
          <div key={key} style={{ display: "contents" }}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button className="button primary">Close</button>
      </form>
    </dialog>
  );
}
