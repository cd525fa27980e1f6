// Tables of a live view: moving by keyboard (j and k, Enter opens), and rows that stand still under the pointer.
import { useEffect, useRef, useState } from "react";

/** The rows as they were when the pointer came over the table, so that a click meets the row it was meant for. */
export function useHeld<T extends { place: string }>(rows: T[], filter: string) {
  const held = useRef<{ filter: string; rows: T[] } | null>(null);
  if (held.current && held.current.filter !== filter) held.current = { filter, rows };
  const shown = held.current?.rows ?? rows;
  const places = new Set(shown.map((row) => row.place));
  return {
    rows: shown,
    newer: shown === rows ? 0 : rows.filter((row) => !places.has(row.place)).length,
    hold: {
      onPointerEnter: () => (held.current = { filter, rows: shown }),
      onPointerLeave: () => (held.current = null),
    },
  };
}

/** Where `j` and `k` stand: on a record, wherever newer ones push its row; -1 before the first key or when it left. */
export function useRows(places: readonly string[], open: (place: string) => void): number {
  const [stands, setStands] = useState<string | null>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.target as HTMLElement).closest("input, select, textarea, button, a")) return;
      const step = { j: 1, k: -1 }[event.key];
      if (step) setStands((place) => moved(places, place, step));
      else if (event.key === "Enter" && stands !== null && places.includes(stands)) open(stands);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [places.join(), stands, open]);
  useEffect(() => {
    document.querySelector('tr[data-at="true"]')?.scrollIntoView({ block: "nearest" });
  }, [stands]);
  return stands === null ? -1 : places.indexOf(stands);
}

/** The record a step away from where one stands; the first if that is nowhere. */
export function moved(places: readonly string[], stands: string | null, step: number): string | null {
  const at = stands === null ? -1 : places.indexOf(stands);
  if (at < 0) return places[0] ?? null;
  return places[Math.min(places.length - 1, Math.max(0, at + step))] ?? null;
}
