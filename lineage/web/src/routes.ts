// The lines of edges: through their lanes, smooth, and where the label stands.
import type { Place } from "./layout";

export interface Route {
  path: string;
  label: Place;
}

/** A smooth line from source to target through the bends; the label near the end named, where lines lie apart.
 *  One that leads back runs from right to left in the same way. */
export function route(source: Place, target: Place, bends: readonly Place[], near: "source" | "target"): Route {
  const points = [source, ...bends, target];
  const path = points.slice(1).map((point, at) => curve(points[at]!, point)).join(" ");
  const [from, to] = near === "source" ? [points[0]!, points[1]!] : [points.at(-2)!, points.at(-1)!];
  return { path: `M${source.x},${source.y} ${path}`, label: along(from, to, near === "source" ? 0.4 : 0.6) };
}

function curve(a: Place, b: Place): string {
  const reach = (b.x - a.x) / 2;
  return `C${a.x + reach},${a.y} ${b.x - reach},${b.y} ${b.x},${b.y}`;
}

/** A point on the S between two points; `part` 0 to 1 of the way. */
function along(a: Place, b: Place, part: number): Place {
  const rest = 1 - part;
  const [near, far] = [3 * rest * rest * part, 3 * rest * part * part];
  return {
    x: rest ** 3 * a.x + ((near + far) * (a.x + b.x)) / 2 + part ** 3 * b.x,
    y: (rest ** 3 + near) * a.y + (far + part ** 3) * b.y,
  };
}
