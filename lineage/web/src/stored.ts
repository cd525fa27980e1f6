// What a person chose once: theme and clock, kept in this browser.
import { createContext, useContext, useState } from "react";
import { type Clock, instant } from "./format";

export function useStored<T extends string>(name: string, otherwise: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => (localStorage.getItem(name) as T | null) ?? otherwise);
  return [
    value,
    (next) => {
      localStorage.setItem(name, next);
      setValue(next);
    },
  ];
}

export const ClockContext = createContext<Clock>("utc");

/** Instants by the clock the person chose. */
export function useInstant(): (at_ms: number, options?: { ms?: boolean; date?: boolean }) => string {
  const clock = useContext(ClockContext);
  return (at_ms, options) => instant(at_ms, clock, options);
}
