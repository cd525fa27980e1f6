// What the views hook into: live boards, the address, answers of the server, the clock.
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { type BoardName, Live, type Values } from "./live";

export const live = new Live();

export function useBoard(name: BoardName): Values {
  useSyncExternalStore(
    useCallback((listener) => live.subscribe(name, listener), [name]),
    () => live.version(name),
  );
  return live.values(name);
}

export function useStatus(): Live {
  useSyncExternalStore(
    useCallback((listener) => live.subscribe("status", listener), []),
    () => live.version("status"),
  );
  return live;
}

/** The boards of the instant compared with, while there is one. */
export function useThen(): Record<BoardName, Values> | null {
  return useStatus().then;
}

let comparing = 0;

/** Fetch that instant and compare with it; null ends the comparison. */
export async function compareWith(at_ms: number | null): Promise<void> {
  const mine = ++comparing;
  live.compare(null);
  if (at_ms === null) return;
  try {
    const said = await ask<{ boards: Record<BoardName, Record<string, unknown>> }>("at", { ms: at_ms });
    if (mine === comparing) live.compare(said.boards);
  } catch (error) {
    if (mine === comparing) live.compare(null, (error as Error).message);
  }
}

/** Time as the view shows it, renewed every `everyMs`. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(live.nowMs());
  useEffect(() => {
    const timer = setInterval(() => setNow(live.nowMs()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

// ---- the address: the whole state of a view stands in it

export interface Address {
  view: string;
  item: string;
  query: Record<string, string>;
}

export function addressOf(path: string, search: string): Address {
  const [, view = "", item = ""] = path.split("/");
  return { view: view || "lineage", item: decoded(item), query: Object.fromEntries(new URLSearchParams(search)) };
}

/** What a part of a path says; one that is cut off within a character is taken as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function pathOf(address: Address): string {
  const query = new URLSearchParams(Object.entries(address.query).filter(([, value]) => value !== ""));
  const item = address.item ? `/${encodeURIComponent(address.item)}` : "";
  return `/${address.view}${item}${query.size ? `?${query}` : ""}`;
}

const moved = new Set<() => void>();
addEventListener("popstate", () => moved.forEach((listener) => listener()));

/** What stays when one goes from view to view: the zones chosen, the instant shown, and the one compared with. */
export const STICKY = ["zones", "at", "vs", "span"] as const;

/** The query of an address one goes to: its own, and of the present one what stays. */
export function carriedOver(now: Record<string, string>, next: Record<string, string>): Record<string, string> {
  return { ...Object.fromEntries(STICKY.filter((name) => now[name]).map((name) => [name, now[name]!])), ...next };
}

export function go(change: Partial<Address>, options: { replace?: boolean } = {}): void {
  const now = addressOf(location.pathname, location.search);
  const query = change.query ?? (change.view && change.view !== now.view ? {} : now.query);
  const next = { ...now, ...change, query: carriedOver(now.query, query) };
  if (change.view && change.view !== now.view && change.item === undefined) next.item = "";
  history[options.replace ? "replaceState" : "pushState"](null, "", pathOf(next));
  moved.forEach((listener) => listener());
}

export function useAddress(): Address {
  const key = useSyncExternalStore(
    (listener) => {
      moved.add(listener);
      return () => moved.delete(listener);
    },
    () => location.pathname + location.search,
  );
  const [path = "/", search = ""] = key.split("?");
  return addressOf(path, search);
}

/** One value of the query, and how to change it without leaving a trail in the history. */
export function useQuery(name: string, otherwise = ""): [string, (value: string) => void] {
  const address = useAddress();
  const set = useCallback(
    (value: string) => {
      const query = { ...addressOf(location.pathname, location.search).query };
      if (value !== otherwise) query[name] = value;
      else if ((STICKY as readonly string[]).includes(name)) query[name] = "";
      else delete query[name];
      go({ query }, { replace: true });
    },
    [name, otherwise],
  );
  return [address.query[name] ?? otherwise, set];
}

// ---- questions

/** Ask for an operation, which only operators may. */
export async function order<T>(name: string, body: unknown): Promise<T> {
  const response = await fetch(`/api/${name}`, { method: "POST", body: JSON.stringify(body) }).catch(() => null);
  if (!response) throw new Refused("The dashboard's server does not answer.");
  const said = await response.json();
  if (!response.ok) throw new Refused(said.sentence ?? `The server answered ${response.status}.`);
  return said as T;
}

export class Refused extends Error {}

export async function ask<T>(name: string, query: Record<string, string | number> = {}): Promise<T> {
  const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
  let response: Response;
  try {
    response = await fetch(`/api/${name}?${search}`);
  } catch {
    throw new Refused("The dashboard's server does not answer.");
  }
  const said = await response.json();
  if (!response.ok) throw new Refused(said.sentence ?? `The server answered ${response.status}.`);
  return said as T;
}

export type Answer<T> = { state: "asking"; value?: T } | { state: "told"; value: T } | { state: "failed"; sentence: string; value?: T };

/** The answer to a question, asked again when it changes (and every `everyMs`); the last answer stays meanwhile. */
export function useAnswer<T>(name: string | null, query: Record<string, string | number> = {}, everyMs = 0): Answer<T> {
  const key = name === null ? "" : `${name}?${JSON.stringify(query)}`;
  const [answer, setAnswer] = useState<Answer<T>>({ state: "asking" });
  const asked = useRef("");
  useEffect(() => {
    if (name === null) return;
    let current = true;
    const run = () =>
      ask<T>(name, query).then(
        (value) => current && setAnswer({ state: "told", value }),
        (error: Error) => current && setAnswer({ state: "failed", sentence: error.message }),
      );
    if (asked.current !== key) setAnswer({ state: "asking" });
    asked.current = key;
    run();
    const timer = everyMs ? setInterval(run, everyMs) : undefined;
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [key, everyMs]);
  return answer;
}
