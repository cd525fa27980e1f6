import { describe, expect, it, vi } from "vitest";

vi.stubGlobal("addEventListener", () => undefined);
const { addressOf, pathOf } = await import("./use");

describe("the address", () => {
  it("holds the whole state and gives it back", () => {
    const address = { view: "messages", item: "quotes.v1", query: { place: "2@7", text: "zone=86" } };
    const [path, search] = pathOf(address).split("?");
    expect(addressOf(path!, `?${search}`)).toEqual(address);
  });

  it("that is cut off within a character is taken as it stands", () => expect(addressOf("/quotes/%E0%A4", "").item).toBe("%E0%A4"));

  it("without a path means the lineage", () => expect(addressOf("/", "").view).toBe("lineage"));
});
