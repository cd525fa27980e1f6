import { describe, expect, it } from "vitest";
import { duration, instant, money, multiplier, rate } from "./format";

describe("values read short, with their unit", () => {
  it("rates", () => expect([0, 0.25, 99.94, 1234.4, 25_300].map(rate)).toEqual(["0/s", "0.3/s", "99.9/s", "1,234/s", "25.3k/s"]));
  it("durations", () => expect([-1, 0, 999, 1500, 59_000, 300_000].map(duration)).toEqual(["–", "0 ms", "999 ms", "1.5 s", "59 s", "5 min"]));
  it("money in its currency's minor units", () => {
    expect(money(1250, "USD")).toBe("$12.50");
    expect(money(1250, "JPY")).toBe("¥1,250");
    expect(money(125_000, "HUF")).toBe("HUF\u00a01,250.00");
    expect(money(1_250_000, "IDR")).toBe("IDR\u00a012,500.00");
    expect(money(12_500_250, "IQD")).toBe("IQD\u00a012,500.250");
    expect(money(1250, "points")).toBe("12.50 points");
  });
  it("multipliers", () => expect(multiplier(130)).toBe("1.30×"));
  it("instants that no calendar has are told as they are", () =>
    expect([1.79e18, 8.64e15, Number.NaN].map((at) => instant(at, "local", { date: true }))).toEqual(["1790000000000000000", expect.any(String), "NaN"]));
  it("instants in UTC", () => expect(instant(1_700_000_000_250, "utc", { ms: true, date: true })).toBe("2023-11-14 22:13:20.250"));
});
