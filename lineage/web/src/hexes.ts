// The map's geometry and colours, apart from any canvas.
import { cellToBoundary } from "h3-js";

export type Metric = "multiplier" | "demand" | "idle" | "wait" | "fresh" | "change";
/** [zone, idle, busy, multiplier hundredths, demand tenths, wait s]; the last three a list per product. */
export type Cell = [string, number, number, number[], number[], number[]];
export interface Zone {
  now_ms: number;
  data_age_ms: number;
  market: string;
  model: string;
  fallback: string;
  complete: boolean;
  products: string[];
}

export const METRICS: readonly (readonly [Metric, string])[] = [
  ["multiplier", "Multiplier"],
  ["demand", "Demand"],
  ["idle", "Idle cars"],
  ["wait", "Wait"],
  ["fresh", "Freshness"],
  ["change", "Change"],
];

interface Scale {
  bounds: readonly number[];
  labels: readonly string[];
  unit: string;
}
export const SCALES: Record<Metric, Scale> = {
  multiplier: { bounds: [1.005, 1.15, 1.3, 1.6, 2], labels: ["1×", "1.15", "1.3", "1.6", "2", "more"], unit: "price, times the usual fare" },
  demand: { bounds: [0.05, 0.5, 1.5, 4, 10], labels: ["0", "0.5", "1.5", "4", "10", "more"], unit: "riders expected in the next five minutes" },
  idle: { bounds: [0.5, 1.5, 3.5, 7.5, 15], labels: ["0", "1", "3", "7", "15", "more"], unit: "idle cars now" },
  wait: { bounds: [90, 150, 240, 360, 600], labels: ["1.5", "2.5", "4", "6", "10", "more"], unit: "minutes until a car comes" },
  fresh: { bounds: [2, 5, 8, 15, 60], labels: ["2 s", "5", "8", "15", "60", "more"], unit: "age of the zone's tick" },
  change: { bounds: [-0.2, -0.02, 0.02, 0.1, 0.3], labels: ["−0.2", "−0.02", "same", "+0.1", "+0.3", "more"], unit: "multiplier, against a minute ago or the instant compared with" },
};
/** From calm to remarkable; the first says "nothing here" and almost is the ground. */
export const RAMPS: Record<"light" | "dark", { calm: readonly string[]; both: readonly string[] }> = {
  light: { calm: ["#dfe8e6", "#a9dad3", "#5fb8b1", "#f2c14e", "#e5793a", "#b3261e"], both: ["#2c6fb3", "#93bfe3", "#dfe8e6", "#f2c14e", "#e5793a", "#b3261e"] },
  dark: { calm: ["#1a2e32", "#17595b", "#2b9a97", "#c99a2e", "#e0752f", "#ff5c4d"], both: ["#5aa6ef", "#2d5f8f", "#1a2e32", "#c99a2e", "#e0752f", "#ff5c4d"] },
};
const QUIET: Record<"light" | "dark", readonly string[]> = {
  light: ["#dfe8e6", "#bfe3de", "#8ccdc7", "#4fadab", "#187f86", "#075059"],
  dark: ["#1a2e32", "#164a4d", "#1c7376", "#2fa29f", "#63cfc8", "#b4f1e9"],
};

export function valueOf(metric: Metric, cell: Cell, product: number, zone: Zone | undefined, now: number, before: number | undefined): number | null {
  const multiplier = cell[3][product];
  if (metric === "idle") return cell[1];
  if (metric === "fresh") return zone ? Math.max(0, now - zone.now_ms) / 1000 : null;
  if (multiplier === undefined) return null;
  if (metric === "multiplier") return multiplier / 100;
  if (metric === "demand") return (cell[4][product] ?? 0) / 10;
  if (metric === "wait") return cell[5][product]! < 0 ? null : cell[5][product]!;
  return before === undefined ? 0 : (multiplier - before) / 100;
}

/** Which of the six classes a value falls in. */
export function classOf(metric: Metric, value: number): number {
  const { bounds } = SCALES[metric];
  let place = 0;
  while (place < bounds.length && value >= bounds[place]!) place++;
  return place;
}

export function rampOf(metric: Metric, theme: "light" | "dark"): readonly string[] {
  if (metric === "change") return RAMPS[theme].both;
  return metric === "demand" || metric === "idle" ? QUIET[theme] : RAMPS[theme].calm;
}

/** Web Mercator, the world being one unit wide. */
export function project(lat: number, lon: number): [number, number] {
  const sine = Math.sin((lat * Math.PI) / 180);
  return [lon / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
}

const outlines = new Map<string, Float64Array>();

/** Corners of a cell or zone, x and y in turn, projected; the same array every time. */
export function outline(index: string): Float64Array {
  let made = outlines.get(index);
  if (!made) {
    made = new Float64Array(cellToBoundary(index).flatMap(([lat, lon]) => project(lat, lon)));
    outlines.set(index, made);
  }
  return made;
}

export interface View {
  x: number;
  y: number;
  /** Pixels per unit of the projection. */
  scale: number;
}

/** The view that shows all of these cells in a canvas of this size. */
export function fit(cells: Iterable<string>, width: number, height: number): View | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const cell of cells) {
    const corners = outline(cell);
    for (let at = 0; at < corners.length; at += 2) {
      left = Math.min(left, corners[at]!);
      right = Math.max(right, corners[at]!);
      top = Math.min(top, corners[at + 1]!);
      bottom = Math.max(bottom, corners[at + 1]!);
    }
  }
  if (left > right) return null;
  const scale = Math.min(width / (right - left), height / (bottom - top)) * 0.94;
  return { x: (left + right) / 2, y: (top + bottom) / 2, scale };
}
