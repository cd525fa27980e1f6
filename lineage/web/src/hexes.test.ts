import { describe, expect, it } from "vitest";
import { type Cell, classOf, fit, outline, project, SCALES, valueOf } from "./hexes";

const CELL: Cell = ["862a100d7ffffff", 3, 1, [130, 100], [12, 0], [240, -1]];

describe("cells", () => {
  it("give each metric its value in its unit, and nothing where there is none", () => {
    expect(valueOf("multiplier", CELL, 0, undefined, 0, undefined)).toBe(1.3);
    expect(valueOf("demand", CELL, 0, undefined, 0, undefined)).toBe(1.2);
    expect(valueOf("wait", CELL, 1, undefined, 0, undefined)).toBeNull();
    expect(valueOf("change", CELL, 0, undefined, 0, 110)).toBeCloseTo(0.2);
  });

  it("fall in six classes whose bounds belong to the class above", () => {
    expect(classOf("multiplier", 1)).toBe(0);
    expect(classOf("multiplier", SCALES.multiplier.bounds[2]!)).toBe(3);
    expect(classOf("multiplier", 9)).toBe(5);
  });

  it("fit whole into the canvas", () => {
    const view = fit(["882a100d67fffff", "882a103b1dfffff"], 800, 600)!;
    const corners = outline("882a103b1dfffff");
    for (let at = 0; at < corners.length; at += 2) {
      expect(Math.abs(corners[at]! - view.x) * view.scale).toBeLessThan(400);
      expect(Math.abs(corners[at + 1]! - view.y) * view.scale).toBeLessThan(300);
    }
  });

  it("lie in Web Mercator", () => expect(project(0, 0)).toEqual([0.5, 0.5]));
});
