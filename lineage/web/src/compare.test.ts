import { expect, test } from "vitest";
import { differences } from "./compare";

const quote = (at: number, outcome: string, multiplier_hundredths: number) => [`quote/0@${at}`, { outcome, multiplier_hundredths, appended_ms: at, latency_ms: 20 }] as const;
const board = (quotes: unknown[], cells: number[]) => ({ quotes: new Map<string, any>(quotes as never), map: new Map<string, any>(cells.map((hundredths, at) => [`cell/${at}`, ["z", 0, 0, [hundredths], [0], [0]]])) });

test("two instants differ in what was priced, at what multiplier, and where", () => {
  const then = board([quote(1, "PRICED", 100), quote(2, "PRICED", 120)], [100, 100]);
  const now = board([quote(3, "PRICED", 160), quote(4, "EXPIRED", 0)], [130, 100]);
  expect(differences(now, then).map(({ then: was, now: is, moved }) => [was, is, moved])).toEqual([["100 %", "50 %", true], ["1.10×", "1.60×", true], ["20 ms", "20 ms", false], ["0", "1", true]]);
});

test("an instant without quotes or map has no figure, and is not compared", () => expect(differences(board([], []), board([quote(1, "PRICED", 100)], [100]))).toEqual([]));
