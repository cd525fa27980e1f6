import { describe, expect, it } from "vitest";
import { layout, type Link, withoutReturns } from "./layout";

const box = (id: string) => ({ id, width: 100, height: 40 });
const LINKS: Link[] = [
  ["drivers", "pings"], ["pings", "supply"], ["supply", "supply-cells"], ["supply-cells", "pricing"],
  ["riders", "requests"], ["requests", "demand"], ["demand", "demand-cells"], ["demand-cells", "pricing"],
  ["pricing", "surge"], ["surge", "quotes"], ["requests", "quotes"], ["quotes", "answers"], ["quotes", "decisions"],
  ["decisions", "demand"], ["surge", "pricing"], ["answers", "quotes"],
];
const NODES = [...new Set(LINKS.flat())].map(box);

describe("layout", () => {
  it("leads from left to right along the price's way, though decisions flow back to demand", () => {
    const places = layout(NODES, LINKS);
    const x = (id: string) => places.get(id)!.x;
    const way = ["drivers", "pings", "supply", "supply-cells", "pricing", "surge", "quotes", "decisions"];
    for (let at = 1; at < way.length; at++) expect(x(way[at]!)).toBeGreaterThan(x(way[at - 1]!));
    expect(x("demand")).toBeLessThan(x("pricing"));
  });

  it("gives the same places to the same graph", () => {
    expect(layout(NODES, LINKS)).toEqual(layout([...NODES], [...LINKS]));
  });

  it("lets no two nodes overlap", () => {
    const places = [...layout(NODES, LINKS).values()];
    for (const [at, a] of places.entries())
      for (const b of places.slice(at + 1)) expect(a.x !== b.x || Math.abs(a.y - b.y) >= 40).toBe(true);
  });

  it("keeps the first of two links that return to each other", () => {
    expect(withoutReturns([["a", "b"], ["b", "a"], ["b", "c"]])).toEqual([["a", "b"], ["b", "c"]]);
  });
});
