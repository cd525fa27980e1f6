import { describe, expect, it } from "vitest";
import { duration, instant, money, multiplier, rate } from "./format";

describe("values read short, with their unit", () => {
  it("rates", () => expect([0, 0.25, 99.94, 1234.4, 25_300].map(rate)).toEqual(["0/s", "0.3/s", "99.9/s", "1,234/s", "25.3k/s"]));
  it("durations", () => expect([-1, 0, 999, 1500, 59_000, 300_000].map(duration)).toEqual(["–", "0 ms", "999 ms", "1.5 s", "59 s", "5 min"]));
  it("money in its currency's minor units", () => {
    expect(money(1250, "USD")).toBe("$12.50");
    expect(money(1250, "JPY")).toBe("¥1,250");
  });
  it("multipliers", () => expect(multiplier(130)).toBe("1.30×"));
  it("instants in UTC", () => expect(instant(1_700_000_000_250, "utc", { ms: true, date: true })).toBe("2023-11-14 22:13:20.250"));
});
