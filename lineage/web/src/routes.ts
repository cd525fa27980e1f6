// The lines of edges: through their lanes, smooth, and where the label stands.
import type { Place } from "./layout";

export interface Route {
  path: string;
  label: Place;
}

const DROP = 46;

/** A smooth line from source to target through the bends; the label near the end named, where lines lie apart. */
export function route(source: Place, target: Place, bends: readonly Place[], near: "source" | "target"): Route {
  const points = [source, ...bends, target];
  const path = points.slice(1).map((point, at) => curve(points[at]!, point)).join(" ");
  const [from, to] = near === "source" ? [points[0]!, points[1]!] : [points.at(-2)!, points.at(-1)!];
  return { path: `M${source.x},${source.y} ${path}`, label: along(from, to, near === "source" ? 0.4 : 0.6) };
}

/** A line that leads back: out below the source, through its lanes, and in below the target. */
export function routeBack(source: Place, target: Place, bends: readonly Place[]): Route {
  const low = Math.max(source.y, target.y) + DROP;
  const points = bends.length ? bends : [{ x: (source.x + target.x) / 2, y: low }];
  const [first, last] = [points[0]!, points.at(-1)!];
  const inner = points.slice(1).map((point, at) => curve(points[at]!, point)).join(" ");
  const out = `M${source.x},${source.y} C${source.x},${Math.max(first.y, source.y + DROP / 2)} ${(source.x + first.x) / 2},${first.y} ${first.x},${first.y}`;
  const into = `C${(target.x + last.x) / 2},${last.y} ${target.x},${Math.max(last.y, target.y + DROP / 2)} ${target.x},${target.y}`;
  return { path: `${out} ${inner} ${into}`, label: points[Math.floor(points.length / 2)]! };
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
