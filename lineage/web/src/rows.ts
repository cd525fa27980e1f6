// Moving through a table by keyboard: j and k, Enter opens.
import { useEffect, useState } from "react";

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
