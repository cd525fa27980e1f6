// The zones chosen on the map: kept in the address as `zones=`, through every view, and what topics carry of them.
import { go, useAddress, useAnswer, useStatus } from "./use";

export interface Carried {
  span_ms: number;
  came: number;
  looked_at: number;
  without_zone: number;
  rates: Record<string, number>;
}

export function zonesOf(text: string | undefined): string[] {
  return (text ?? "").split(",").filter((zone) => /^[0-9a-f]{15}$/.test(zone));
}

export function useZones(): string[] {
  return zonesOf(useAddress().query.zones);
}

/** The address's zones with this one in or out. */
export function toggled(zones: readonly string[], zone: string): string[] {
  return zones.includes(zone) ? zones.filter((held) => held !== zone) : [...zones, zone];
}

export function choose(zones: readonly string[], query: Record<string, string>): void {
  go({ query: { ...query, zones: zones.join(",") } }, { replace: true });
}

/** What each topic carries, asked every five seconds; nothing is asked while no topics are named. */
export function useCarried(topics: readonly string[]): Record<string, Carried> | undefined {
  const { mode } = useStatus();
  const query = { topics: topics.join(","), ...(mode.kind !== "live" && { ms: mode.at_ms }) };
  return useAnswer<Record<string, Carried>>(topics.length ? "carried" : null, query, mode.kind === "live" ? 5_000 : 0).value;
}

/** Records a second of these zones. */
export function rateIn(carried: Carried, zones: readonly string[]): number {
  return zones.reduce((sum, zone) => sum + (carried.rates[zone] ?? 0), 0);
}

/** Topics whose records are about a place. */
export const PLACED = ["driver-pings.v1", "quote-requests.v1", "supply-cells.v1", "demand-cells.v1", "surge.v1", "forecast-state.v1", "quotes.v1", "booking-decisions.v1"];
