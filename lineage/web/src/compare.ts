// Two instants side by side: what quotes and cells were then, and are now.
import type { Values } from "./live";

export interface Difference {
  what: string;
  then: string;
  now: string;
  moved: boolean;
}

const NEWEST = 100;

/** The figures worth a line: share priced, mean multiplier and latency of the newest quotes, and cells above 1×. */
export function differences(now: { quotes: Values; map: Values }, then: { quotes: Values; map: Values }): Difference[] {
  const [quotes, before] = [figures(now.quotes), figures(then.quotes)];
  const [cells, cellsThen] = [surged(now.map), surged(then.map)];
  const line = (what: string, was: number | null, is: number | null, shown: (value: number) => string, reach: number): Difference[] =>
    was === null || is === null ? [] : [{ what, then: shown(was), now: shown(is), moved: Math.abs(is - was) > reach }];
  return [
    ...line(`priced, of the newest ${NEWEST} quotes`, before.priced, quotes.priced, (value) => `${Math.round(value * 100)} %`, 0.05),
    ...line("their mean multiplier", before.multiplier, quotes.multiplier, (value) => `${value.toFixed(2)}×`, 0.02),
    ...line("their mean latency", before.latency, quotes.latency, (value) => `${Math.round(value)} ms`, 50),
    ...line("cells above 1×", cellsThen, cells, (value) => String(value), 0),
  ];
}

function figures(quotes: Values): { priced: number | null; multiplier: number | null; latency: number | null } {
  const rows = [...quotes.values()].sort((a, b) => b.appended_ms - a.appended_ms).slice(0, NEWEST);
  const priced = rows.filter((row) => row.outcome === "PRICED");
  return {
    priced: rows.length ? priced.length / rows.length : null,
    multiplier: mean(priced.map((row) => row.multiplier_hundredths / 100)),
    latency: mean(rows.map((row) => row.latency_ms)),
  };
}

function surged(map: Values): number | null {
  if (!map.size) return null;
  let many = 0;
  for (const [key, cell] of map) if (key.startsWith("cell/") && Math.max(...(cell[3] as number[])) > 100) many++;
  return many;
}

function mean(values: number[]): number | null {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}
