import { expect, test } from "vitest";
import { compared, typed } from "./schema";

test("two versions differ by fields added, removed and changed", () => {
  const older = [{ name: "id", type: "string" }, { name: "lat", type: "float" }, { name: "gone", type: "int" }];
  const newer = [{ name: "id", type: "string" }, { name: "lat", type: "double" }, { name: "speed", type: ["null", "double"], default: null }];
  expect(compared(older, newer).map(({ name, how, was }) => [name, how, was])).toEqual([["id", "same", ""], ["lat", "changed", "float"], ["speed", "added", ""], ["gone", "removed", ""]]);
});

test("types read in words", () => expect(typed({ type: "array", items: ["null", { type: "enum", name: "faretide.Kind" }] })).toBe("list of null or Kind"));
