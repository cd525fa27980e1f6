// When quotes or acceptance drop: what fell, who moved first upstream, and what followed.
import { useState } from "react";
import { duration } from "../format";
import { useInstant } from "../stored";
import { useBoard } from "../use";
import { To } from "./basics";

interface Move { node: string; measure: string; at_ms: number; before: number; after: number; values?: number[] }
export interface Drop { outcome: string; words: string; at_ms: number; before: number; after: number; first: Move | null; trail: Move[] }

const MEASURES: Record<string, [string, (value: number) => string]> = {
  rate: ["records a second", figure],
  read: ["records read a second", figure],
  silent: ["seconds since its last report", figure],
  behind: ["seconds behind", figure],
  busy: ["share of a core", (value) => `${Math.round(value * 100)} %`],
  tick_ms: ["99 % of ticks take", (value) => duration(value)],
  quote_ms: ["99 % of quotes take", (value) => duration(value)],
};

/** The gravest drop, in one line with its cause; opened, the whole trail. */
export function Drops() {
  const values = useBoard("lineage");
  const [open, setOpen] = useState(false);
  const clock = useInstant();
  const drops = [...values].filter(([key]) => key.startsWith("drop/")).map(([, value]) => value as Drop);
  const worst = drops.sort((a, b) => a.at_ms - b.at_ms)[0];
  if (!worst) return null;
  return (
    <section className="drops" role="alert" aria-label="A drop and its cause">
      <p className="grow">
        <b>{worst.words} fell from {figure(worst.before)} to {figure(worst.after)}</b> at {clock(worst.at_ms)}.{" "}
        {worst.first ? (
          <>First to move upstream: <To view="lineage" item={worst.first.node}>{worst.first.node}</To>, {moved(worst.first)} at {clock(worst.first.at_ms)}.</>
        ) : "No measure upstream left its usual range before it: look at who asks."}
      </p>
      {worst.first?.values && <Spark values={worst.first.values} />}
      {worst.trail.length > 0 && <button className="button plain" type="button" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? "Less" : `All ${worst.trail.length} that moved`}</button>}
      {open && (
        <ol>
          {worst.trail.map((move) => (
            <li key={move.node + move.measure}><span className="mono">{clock(move.at_ms)}</span> <To view="lineage" item={move.node}>{move.node}</To> {moved(move)}</li>
          ))}
        </ol>
      )}
    </section>
  );
}

export function moved(move: Move): string {
  const [words, shown] = MEASURES[move.measure] ?? [move.measure, figure];
  return `${words} ${shown(move.before)} → ${shown(move.after)}`;
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function Spark({ values }: { values: number[] }) {
  const most = Math.max(...values, 1e-9);
  const points = values.map((value, at) => `${(at / Math.max(1, values.length - 1)) * 120},${23 - (value / most) * 22}`);
  return (
    <svg className="spark" width="120" height="24" viewBox="0 0 120 24" aria-hidden="true">
      <polyline points={points.join(" ")} fill="none" stroke="currentColor" strokeWidth="1.5" />
    </svg>
  );
}
