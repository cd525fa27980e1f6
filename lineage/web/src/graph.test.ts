import { describe, expect, it } from "vitest";
import { drawn, edgeWidth, firstCause, type EdgeValue } from "./graph";

const topic = (name: string, badges: object[] = [], records = 1) => [`node/${name}`, { kind: "topic", name, badges, records }] as const;
const service = (name: string, badges: object[] = []) => [`node/${name}`, { kind: "service", name, badges }] as const;
const app = (name: string) => [`node/${name}`, { kind: "producer", name, badges: [], sources: [] }] as const;
const edge = (from: string, to: string, rate = 1) =>
  [`edge/${from}>${to}`, { from, to, rate, bytes_rate: 0, declared: true, measured: true, behind: 0, behind_ms: 0 } satisfies EdgeValue] as const;
const error = { code: "stopped", severity: "error", sentence: "" };
const OPTIONS = { aside: false, topics: true };

describe("the graph", () => {
  it("shows an outside party that writes and reads twice, on either side", () => {
    const { nodes } = drawn(new Map([app("apps"), service("quotes"), topic("in.v1"), topic("out.v1"), edge("apps", "in.v1"), edge("in.v1", "quotes"), edge("quotes", "out.v1"), edge("out.v1", "apps")] as never), OPTIONS);
    expect([...nodes.keys()]).toContain("apps (reads)");
  });

  it("sets dead letters aside until one is in trouble", () => {
    const values = (badges: object[]) => new Map([service("supply"), topic("a.v1.dlq", badges, 0), edge("supply", "a.v1.dlq")] as never);
    expect(drawn(values([]) as never, OPTIONS).nodes.has("a.v1.dlq")).toBe(false);
    expect(drawn(values([error]) as never, OPTIONS).nodes.has("a.v1.dlq")).toBe(true);
  });

  it("leads from writer to reader when topics are off", () => {
    const { edges } = drawn(new Map([service("a"), service("b"), topic("t.v1"), edge("a", "t.v1", 9), edge("t.v1", "b", 3)] as never), { aside: false, topics: false });
    expect(edges.map((found) => [found.from, found.to, found.rate])).toEqual([["a", "b", 3]]);
  });

  it("leads upstream to where the trouble begins", () => {
    const graph = drawn(new Map([service("supply", [error]), topic("t.v1", [error]), service("pricing", [error]), edge("supply", "t.v1"), edge("t.v1", "pricing")] as never), OPTIONS);
    expect(firstCause(graph, "pricing")).toBe("supply");
  });

  it("leads from refused records to the topic they stood in, and from nothing else to a warning", () => {
    const warn = (code: string) => ({ code, severity: "warning", sentence: "" });
    const values = [topic("pings.v1", [warn("refused")]), service("supply", [warn("refusing")]), topic("pings.v1.dlq", [{ ...error, code: "dead letters" }]), service("pricing", [error]), topic("cells.v1")];
    const edges = [edge("pings.v1", "supply"), edge("supply", "pings.v1.dlq"), edge("supply", "cells.v1"), edge("cells.v1", "pricing")];
    const graph = drawn(new Map([...values, ...edges] as never), OPTIONS);
    expect(firstCause(graph, "pings.v1.dlq")).toBe("pings.v1");
    expect(firstCause(graph, "pricing")).toBe("pricing");
  });

  it("draws wider what flows faster, and still shows what hardly flows", () => {
    expect(edgeWidth(0)).toBe(1);
    expect(edgeWidth(1)).toBeLessThan(edgeWidth(100));
    expect(edgeWidth(10_000)).toBeLessThan(8);
  });
});
