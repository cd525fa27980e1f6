// Paints cells on a canvas, and on later calls only those whose class of colour changed: the others stand there already.
//
// Lines over the cells (zones, what is chosen) are on a canvas of their own above, painted when they change.
import { type Cell, classOf, type Metric, outline, rampOf, valueOf, type View, type Zone } from "./hexes";
import { isValidCell } from "h3-js";

export interface Scene {
  cells: Map<string, Cell>;
  zones: Map<string, Zone>;
  metric: Metric;
  product: string;
  chosen: string;
  before: Map<string, number[]>;
  picked: ReadonlySet<string>;
}
export type Theme = "light" | "dark";
interface Stage { view: View; width: number; height: number; ratio: number; theme: Theme }

const SHRUNK = 0.93;
const NONE = -1;

export class Painter {
  private stood = "";
  private drawnOver = "";
  private classes = new Map<string, number>();
  private seen = new Map<string, Cell>();

  paint(ground: CanvasRenderingContext2D, above: CanvasRenderingContext2D, scene: Scene, stage: Stage, now: number): void {
    const { view, width, height, theme } = stage;
    const stands = [view.x, view.y, view.scale, width, height, theme, scene.metric, scene.product, scene.cells.size].join();
    const anew = stands !== this.stood;
    if (anew) {
      this.stood = stands;
      this.classes.clear();
      this.seen.clear();
      ground.fillStyle = colour("--ground");
      ground.fillRect(0, 0, width, height);
    }
    this.paintCells(ground, scene, stage, now, anew);
    const over = `${stands} ${scene.chosen} ${[...scene.picked].join()} ${scene.zones.size}`;
    if (over !== this.drawnOver) paintOver(above, scene, stage);
    this.drawnOver = over;
  }

  private paintCells(context: CanvasRenderingContext2D, scene: Scene, stage: Stage, now: number, anew: boolean): void {
    const ramp = rampOf(scene.metric, stage.theme);
    const paths = ramp.map(() => new Path2D());
    const gone = new Path2D();
    let many = 0;
    for (const [index, cell] of this.moved(scene)) {
      const zone = scene.zones.get(cell[0]);
      const product = zone ? zone.products.indexOf(scene.product) : NONE;
      const value = valueOf(scene.metric, cell, product, zone, now, scene.before.get(index)?.[product]);
      const found = value === null ? NONE : classOf(scene.metric, value);
      if (this.classes.get(index) === found) continue;
      this.classes.set(index, found);
      if (!isSeen(outline(index), stage)) continue;
      if (found !== NONE) trace(paths[found]!, outline(index), stage, SHRUNK); // over the colour it had: as large
      else if (!anew) trace(gone, outline(index), stage, 1);
      many++;
    }
    if (!many) return;
    context.fillStyle = colour("--ground");
    if (!anew) context.fill(gone);
    paths.forEach((path, at) => {
      context.fillStyle = ramp[at]!;
      context.fill(path);
    });
  }

  /** Cells whose values are others than when they were painted; every one where time alone changes what is shown. */
  private *moved(scene: Scene): Generator<[string, Cell]> {
    const always = scene.metric === "fresh" || scene.metric === "change";
    for (const entry of scene.cells) {
      if (!always && this.seen.get(entry[0]) === entry[1]) continue;
      this.seen.set(entry[0], entry[1]);
      yield entry;
    }
  }
}

function paintOver(context: CanvasRenderingContext2D, scene: Scene, stage: Stage): void {
  const { width, height, ratio } = stage;
  context.clearRect(0, 0, width, height);
  const line = (names: Iterable<string>, style: string, wide: number, alpha = 1) => {
    const path = new Path2D();
    for (const name of names) trace(path, outline(name), stage, 1);
    context.strokeStyle = colour(style);
    context.lineWidth = wide * ratio;
    context.globalAlpha = alpha;
    context.stroke(path);
    context.globalAlpha = 1;
  };
  if (scene.picked.size) {
    const path = new Path2D();
    for (const zone of scene.zones.keys()) if (!scene.picked.has(zone)) trace(path, outline(zone), stage, 1);
    context.fillStyle = colour("--ground");
    context.globalAlpha = 0.62;
    context.fill(path);
    context.globalAlpha = 1;
  }
  line(scene.zones.keys(), "--ink-3", 1, 0.35);
  line(scene.picked, "--tide", 2.5);
  if (isValidCell(scene.chosen)) line([scene.chosen], "--ink", 3);
}

function trace(path: Path2D, corners: Float64Array, stage: Stage, part: number): void {
  const { view, width, height } = stage;
  const scale = view.scale * stage.ratio;
  let [middleX, middleY] = [0, 0];
  const many = corners.length / 2;
  for (let at = 0; at < corners.length; at += 2) {
    middleX += corners[at]! / many;
    middleY += corners[at + 1]! / many;
  }
  for (let at = 0; at < corners.length; at += 2) {
    const x = (middleX + (corners[at]! - middleX) * part - view.x) * scale + width / 2;
    const y = (middleY + (corners[at + 1]! - middleY) * part - view.y) * scale + height / 2;
    if (at === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  }
  path.closePath();
}

/** Whether the cell is on the canvas, roughly. */
function isSeen(corners: Float64Array, { view, width, height, ratio }: Stage): boolean {
  const scale = view.scale * ratio;
  const x = (corners[0]! - view.x) * scale + width / 2;
  const y = (corners[1]! - view.y) * scale + height / 2;
  const reach = 3 * Math.abs(corners[0]! - corners[6]!) * scale + 20;
  return x > -reach && y > -reach && x < width + reach && y < height + reach;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}
