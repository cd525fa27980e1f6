import { expect, test } from "vitest";
import { moved } from "./rows";

test("j and k lead from the record one stands on, wherever newer ones pushed it", () => {
  expect(moved(["0@5", "0@4"], null, 1)).toBe("0@5");
  expect(moved(["0@6", "0@5", "0@4"], "0@5", 1)).toBe("0@4");
  expect(moved(["0@6", "0@5", "0@4"], "0@5", -1)).toBe("0@6");
  expect(moved(["0@6", "0@5"], "0@5", 1)).toBe("0@5");
  expect(moved([], null, 1)).toBeNull();
});
