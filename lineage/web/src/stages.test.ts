import { expect, test } from "vitest";
import { stages } from "./stages";

const row = (service: string, topic: string, taken: number, refused = 0) => ({ service, topic, moved: taken, taken, missing: 0, waiting: 0, refused, late: 0 });

test("what was taken in is refused, written or merged", () => {
  const [supply] = stages([row("supply", "driver-pings.v1", 1000, 7)], [{ service: "supply", topic: "supply-cells.v1", written: 300 }, { service: "supply", topic: "driver-pings.v1.dlq", written: 7 }]);
  expect(supply).toMatchObject({ in: 1000, refused: 7, out: 300, merged: 693, wrong: "" });
});

test("a request without an answer is wrong, one under way is not", () => {
  const told = (written: number) => stages([row("quotes", "quote-requests.v1", 1000), row("quotes", "surge.v1", 9000)], [{ service: "quotes", topic: "quotes.v1", written }])[0]!.wrong;
  expect([told(990), told(900), told(1200)]).toEqual(["", "requests without an answer", "more answers than requests"]);
});
