import { expect, test } from "vitest";
import { added, panesBack, scale, type Feature, type Ring } from "./explained";

const feature = (log_linear: number, trees: number | null): Feature => ({ name: "cell_1h", unit: "log ratio", value: 1, log_linear, trees });

test("a bar is as long as what both models add, and the longest fills its half", () => {
  expect(added(feature(0.2, -0.5))).toBeCloseTo(-0.3);
  expect(added(feature(0.2, null))).toBe(0.2);
  expect(scale([feature(0.1, 0), feature(0, -0.4)])).toBeCloseTo(0.4);
  expect(scale([feature(0, 0)])).toBe(1);
});

test("panes end with the open one and have no holes", () => {
  const ring: Ring = { ring: 0, size: 1, idle: 0, busy: 0, soon_free: 0, windows: [], panes: [{ start_ms: 1_990_000, requests: 3, bookings: 1 }] };
  const panes = panesBack(ring, 2_004_321);
  expect(panes).toHaveLength(192);
  expect(panes.at(-1)).toEqual({ start_ms: 2_000_000, requests: 0, bookings: 0 });
  expect(panes.at(-2)).toEqual({ start_ms: 1_990_000, requests: 3, bookings: 1 });
  expect(panes[1]!.start_ms - panes[0]!.start_ms).toBe(10_000);
});
