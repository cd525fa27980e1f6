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

export function useRows(many: number, open: (row: number) => void): number {
  const [at, setAt] = useState(-1);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.target as HTMLElement).closest("input, select, textarea, button, a")) return;
      if (event.key === "j") setAt((row) => Math.min(many - 1, row + 1));
      else if (event.key === "k") setAt((row) => Math.max(0, row - 1));
      else if (event.key === "Enter" && at >= 0) open(at);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [many, at, open]);
  useEffect(() => {
    document.querySelector('tr[data-at="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at]);
  return at;
}
