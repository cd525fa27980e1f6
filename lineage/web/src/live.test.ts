import { afterEach, describe, expect, it, vi } from "vitest";
import { applied, backoffMs, Live, type BoardState, type Frame } from "./live";

const board = (number: number, values: Record<string, unknown>): BoardState => ({ number, values: new Map(Object.entries(values)) });
const delta = (number: number, changed: Record<string, unknown>, dropped: string[] = []): Frame => ({ board: "map", kind: "delta", number, now_ms: 0, changed, dropped });

describe("frames", () => {
  it("change what they name and drop what left", () => {
    const after = applied(board(4, { a: 1, b: 2 }), delta(5, { a: 3, c: 4 }, ["b"]))!;
    expect(Object.fromEntries(after.values)).toEqual({ a: 3, c: 4 });
    expect(after.number).toBe(5);
  });

  it("are refused when one before them is missing", () => {
    expect(applied(board(4, {}), delta(6, {}))).toBeNull();
    expect(applied(board(-1, {}), delta(1, {}))).toBeNull();
  });

  it("begin anew with a snapshot, whatever was known", () => {
    const after = applied(board(9, { old: 1 }), { board: "map", kind: "snapshot", number: 2, now_ms: 0, values: { new: 1 } })!;
    expect([after.number, [...after.values.keys()]]).toEqual([2, ["new"]]);
  });
});

describe("coming back", () => {
  it("waits twice as long each time, at most fifteen seconds and a quarter", () => {
    expect(backoffMs(0, 0.5)).toBe(500);
    expect(backoffMs(1, 0.5)).toBe(1000);
    expect(backoffMs(50, 1)).toBe(15_000 * 1.25);
  });
});

describe("before the socket is open", () => {
  class Connecting {
    static OPEN = 1;
    static last: Connecting;
    readyState = 0;
    said: string[] = [];
    onopen = () => {};
    constructor() {
      Connecting.last = this;
    }
    send(text: string): void {
      if (this.readyState !== Connecting.OPEN) throw new DOMException("still connecting", "InvalidStateError");
      this.said.push(text);
    }
  }
  afterEach(() => vi.unstubAllGlobals());

  it("a pause and an earlier instant wait for it, and nothing live is asked for once it opens", () => {
    vi.stubGlobal("WebSocket", Connecting);
    vi.stubGlobal("location", { protocol: "http:", host: "here" });
    vi.stubGlobal("requestAnimationFrame", () => 0);
    for (const away of [(live: Live) => live.pause(), (live: Live) => live.show(5, {} as never)]) {
      const live = new Live();
      live.open();
      away(live);
      Connecting.last.readyState = Connecting.OPEN;
      Connecting.last.onopen();
      expect(Connecting.last.said).toEqual([]);
      live.resume();
      expect(Connecting.last.said).toEqual([JSON.stringify({ watch: ["lineage", "map", "quotes", "losses"] })]);
    }
  });
});
