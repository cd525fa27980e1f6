// The rules of the explanation's pictures: what is drawn how long, and which panes stand side by side.

export interface Feature { name: string; unit: string; value: number; log_linear: number; trees: number | null }
export interface Told {
  model: string;
  factors: { name: string; before: number; after: number }[];
  features: Feature[];
  trees_base: number | null;
  trees_margin: number | null;
}
export interface Pane { start_ms: number; requests: number; bookings: number }
export interface Ring {
  ring: number; size: number; idle: number; busy: number; soon_free: number;
  windows: { window_ms: number; covered_ms: number; requests: number; idle_mean: number }[];
  panes: Pane[];
}

const PANE_MS = 10_000;
const SHOWN = 192;

/** What a value adds to the log of the forecast, by both models. */
export function added(feature: Feature): number {
  return feature.log_linear + (feature.trees ?? 0);
}

/** The longest bar; 1 where nothing was added. */
export function scale(features: Feature[]): number {
  return Math.max(...features.map((feature) => Math.abs(added(feature)))) || 1;
}

/** The panes of the longest window up to the open one, oldest first; those nobody asked in are there with zeroes. */
export function panesBack(ring: Ring, now_ms: number): Pane[] {
  const known = new Map(ring.panes.map((pane) => [pane.start_ms, pane]));
  const from = now_ms - (now_ms % PANE_MS) - (SHOWN - 1) * PANE_MS;
  return Array.from({ length: SHOWN }, (_, at) => known.get(from + at * PANE_MS) ?? { start_ms: from + at * PANE_MS, requests: 0, bookings: 0 });
}
