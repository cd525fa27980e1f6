// The city: cells by what they cost, who waits, who is free. Drawn on one canvas, once per frame of the screen at most.
import { cellToLatLng, getResolution, isValidCell, latLngToCell } from "h3-js";
import { useEffect, useMemo, useRef, useState } from "react";
import { Choice, Empty } from "../parts/basics";
import { CellPanel } from "../parts/CellPanel";
import { duration, multiplier } from "../format";
import { type Cell, classOf, fit, type Metric, METRICS, outline, rampOf, SCALES, valueOf, type View, type Zone } from "../hexes";
import { go, live, useBoard, useQuery, useNow } from "../use";

interface Scene {
  cells: Map<string, Cell>;
  zones: Map<string, Zone>;
  metric: Metric;
  product: string;
  chosen: string;
  before: Map<string, number[]>;
}

export function CityMap({ chosen }: { chosen: string }) {
  const values = useBoard("map");
  const [metric, setMetric] = useQuery("by", "multiplier");
  const [product, setProduct] = useQuery("product");
  const [form, setForm] = useQuery("as", "map");
  const cells = new Map<string, Cell>();
  const zones = new Map<string, Zone>();
  for (const [key, value] of values) {
    if (key.startsWith("cell/")) cells.set(key.slice(5), value);
    else zones.set(key.slice(5), value);
  }
  const before = useMinuteAgo(cells);
  const products = [...new Set([...zones.values()].flatMap((zone) => zone.products))];
  const scene: Scene = { cells, zones, metric: metric as Metric, product: product || products[0] || "", chosen, before };
  if (!cells.size) return <Empty title="No prices yet">The first tick of a zone puts its cells on the map.</Empty>;
  return (
    <>
      <div className="column">
        <div className="toolbar">
          <Choice label="Cells by" options={METRICS} value={metric as Metric} onChange={setMetric} />
          <select className="field" aria-label="Product" value={scene.product} onChange={(event) => setProduct(event.target.value)} style={{ flex: "none" }}>
            {products.map((name) => <option key={name}>{name}</option>)}
          </select>
          <Choice label="Form" options={[["map", "Map"], ["table", "Table"]]} value={form as "map"} onChange={setForm} />
          <span className="muted narrow-off"><span data-figure="cells">{cells.size}</span> cells in {zones.size} zones</span>
        </div>
        {form === "table" ? <Table scene={scene} /> : <Canvas scene={scene} />}
      </div>
      {chosen && <CellPanel cell={chosen} value={cells.get(chosen)} zone={zones.get(cells.get(chosen)?.[0] ?? "")} />}
    </>
  );
}

/** Multipliers of a minute ago per cell, as far as this page has seen them. */
function useMinuteAgo(cells: Map<string, Cell>): Map<string, number[]> {
  const kept = useRef<{ at: number; multipliers: Map<string, number[]> }[]>([]);
  const newest = kept.current.at(-1);
  if (!newest || Date.now() - newest.at > 5_000) {
    kept.current.push({ at: Date.now(), multipliers: new Map([...cells].map(([cell, value]) => [cell, value[3]])) });
    while (kept.current.length > 13) kept.current.shift();
  }
  return kept.current[0]!.multipliers;
}

function Canvas({ scene }: { scene: Scene }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<View | null>(null);
  const moved = useRef(false); // once a person has moved the map it stays where they put it
  const fitted = useRef("");
  const [tip, setTip] = useState<{ x: number; y: number; cell: string } | null>(null);
  const latest = useRef(scene);
  latest.current = scene;
  const theme = document.documentElement.dataset.theme === "dark" ? "dark" : "light";
  useNow(scene.metric === "fresh" ? 1000 : 60_000);

  const paint = () => {
    const element = canvas.current;
    if (!element) return;
    const box = element.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    if (element.width !== Math.round(box.width * ratio) || element.height !== Math.round(box.height * ratio)) {
      element.width = Math.round(box.width * ratio);
      element.height = Math.round(box.height * ratio);
    }
    const seen = `${latest.current.cells.size} ${box.width} ${box.height}`;
    if (!view.current || (!moved.current && fitted.current !== seen)) {
      view.current = fit(lively(latest.current.cells), box.width, box.height);
      fitted.current = seen;
    }
    if (view.current) draw(element.getContext("2d")!, latest.current, view.current, ratio, theme);
  };
  useEffect(paint);
  useEffect(() => {
    const watcher = new ResizeObserver(paint);
    watcher.observe(canvas.current!);
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      zoom(event.offsetX, event.offsetY, Math.exp(-event.deltaY / 400));
    };
    canvas.current!.addEventListener("wheel", wheel, { passive: false });
    return () => watcher.disconnect();
  }, []);

  const zoom = (x: number, y: number, by: number) => {
    const box = canvas.current!.getBoundingClientRect();
    const now = view.current;
    if (!now) return;
    const scale = Math.min(4e7, Math.max(2e4, now.scale * by));
    const [dx, dy] = [x - box.width / 2, y - box.height / 2];
    moved.current = true;
    view.current = { x: now.x + dx / now.scale - dx / scale, y: now.y + dy / now.scale - dy / scale, scale };
    paint();
  };
  const cellAt = (event: React.PointerEvent | React.MouseEvent): string | null => {
    const box = canvas.current!.getBoundingClientRect();
    const now = view.current;
    const any = scene.cells.keys().next().value;
    if (!now || !any) return null;
    const x = now.x + (event.clientX - box.left - box.width / 2) / now.scale;
    const y = now.y + (event.clientY - box.top - box.height / 2) / now.scale;
    const lat = (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
    const cell = latLngToCell(lat, x * 360 - 180, getResolution(any));
    return scene.cells.has(cell) ? cell : null;
  };
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  const ramp = rampOf(scene.metric, theme);
  return (
    <div className="map">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`Map of ${scene.cells.size} cells by ${scene.metric}; the table form lists the same`}
        onPointerDown={(event) => {
          drag.current = { x: event.clientX, y: event.clientY, moved: false };
          canvas.current!.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          const held = drag.current;
          if (held && view.current) {
            const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
            if (held.moved || Math.hypot(dx, dy) > 4) {
              view.current = { ...view.current, x: view.current.x - dx / view.current.scale, y: view.current.y - dy / view.current.scale };
              drag.current = { x: event.clientX, y: event.clientY, moved: true };
              moved.current = true;
              setTip(null);
              paint();
              return;
            }
          }
          const cell = cellAt(event);
          const box = canvas.current!.getBoundingClientRect();
          setTip(cell ? { x: event.clientX - box.left, y: event.clientY - box.top, cell } : null);
        }}
        onPointerLeave={() => setTip(null)}
        onPointerUp={(event) => {
          if (drag.current && !drag.current.moved) go({ item: cellAt(event) ?? "" });
          drag.current = null;
        }}
      />
      {tip && <Tip at={tip} scene={scene} />}
      <div className="scale" aria-hidden="true">
        <span>{SCALES[scene.metric].unit}</span>
        <div className="ramp">
          {ramp.map((colour, at) => <span key={colour}><i style={{ background: colour }} />{SCALES[scene.metric].labels[at]}</span>)}
        </div>
      </div>
      <div className="react-flow__controls" style={{ position: "absolute", right: 16, bottom: 16, zIndex: 4 }}>
        <button className="react-flow__controls-button" type="button" aria-label="Zoom in" onClick={() => { const box = canvas.current!.getBoundingClientRect(); zoom(box.width / 2, box.height / 2, 1.5); }}>+</button>
        <button className="react-flow__controls-button" type="button" aria-label="Zoom out" onClick={() => { const box = canvas.current!.getBoundingClientRect(); zoom(box.width / 2, box.height / 2, 1 / 1.5); }}>−</button>
        <button className="react-flow__controls-button" type="button" aria-label="Show the whole city" onClick={() => { moved.current = false; view.current = null; paint(); }}>⤢</button>
      </div>
    </div>
  );
}

/** The cells worth showing first: those with cars or riders, without the farthest few; all if there are none. */
function lively(cells: Map<string, Cell>): string[] {
  const busy = [...cells].filter(([, cell]) => cell[1] + cell[2] > 0 || cell[4].some((demand) => demand > 3));
  const inner = (axis: 0 | 1) => {
    const sorted = busy.map(([index]) => outline(index)[axis]!).sort((a, b) => a - b);
    return [sorted[Math.floor(sorted.length * 0.02)]!, sorted[Math.ceil(sorted.length * 0.98) - 1]!] as const;
  };
  if (busy.length < 20) return [...cells.keys()];
  const [[left, right], [top, bottom]] = [inner(0), inner(1)];
  return busy.map(([index]) => index).filter((index) => {
    const [x, y] = outline(index);
    return x! >= left && x! <= right && y! >= top && y! <= bottom;
  });
}

function draw(context: CanvasRenderingContext2D, scene: Scene, view: View, ratio: number, theme: "light" | "dark"): void {
  const { width, height } = context.canvas;
  const scale = view.scale * ratio;
  const ramp = rampOf(scene.metric, theme);
  const paths = ramp.map(() => new Path2D());
  const now = live.nowMs();
  const trace = (path: Path2D | CanvasRenderingContext2D, corners: Float64Array) => {
    for (let at = 0; at < corners.length; at += 2) {
      const x = (corners[at]! - view.x) * scale + width / 2;
      const y = (corners[at + 1]! - view.y) * scale + height / 2;
      if (at === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    path.closePath();
  };
  for (const [index, cell] of scene.cells) {
    const zone = scene.zones.get(cell[0]);
    const product = zone?.products.indexOf(scene.product) ?? -1;
    const value = valueOf(scene.metric, cell, product, zone, now, scene.before.get(index)?.[product]);
    if (value !== null) trace(paths[classOf(scene.metric, value)]!, outline(index));
  }
  const style = getComputedStyle(document.documentElement);
  context.fillStyle = style.getPropertyValue("--ground");
  context.fillRect(0, 0, width, height);
  paths.forEach((path, at) => {
    context.fillStyle = ramp[at]!;
    context.fill(path);
    context.strokeStyle = style.getPropertyValue("--ground");
    context.lineWidth = ratio;
    context.stroke(path);
  });
  context.beginPath();
  for (const zone of scene.zones.keys()) trace(context, outline(zone));
  context.strokeStyle = style.getPropertyValue("--ink-3");
  context.globalAlpha = 0.35;
  context.lineWidth = ratio;
  context.stroke();
  context.globalAlpha = 1;
  if (isValidCell(scene.chosen)) {
    context.beginPath();
    trace(context, outline(scene.chosen));
    context.strokeStyle = style.getPropertyValue("--ink");
    context.lineWidth = ratio * 3;
    context.stroke();
  }
}

function Tip({ at, scene }: { at: { x: number; y: number; cell: string }; scene: Scene }) {
  const cell = scene.cells.get(at.cell);
  if (!cell) return null;
  const product = scene.zones.get(cell[0])?.products.indexOf(scene.product) ?? 0;
  return (
    <div className="tip" style={{ left: at.x + 16, top: at.y + 12 }}>
      <b>{multiplier(cell[3][product] ?? 100)}</b>
      <span>{((cell[4][product] ?? 0) / 10).toFixed(1)} riders expected</span>
      <span>{cell[1]} idle, {cell[2]} busy cars</span>
      <span>{duration((cell[5][product] ?? -1) * 1000)} wait</span>
    </div>
  );
}

function Table({ scene }: { scene: Scene }) {
  const rows = useMemo(
    () =>
      [...scene.cells]
        .map(([index, cell]) => ({ index, cell, product: scene.zones.get(cell[0])?.products.indexOf(scene.product) ?? 0 }))
        .sort((a, b) => (b.cell[3][b.product] ?? 0) - (a.cell[3][a.product] ?? 0) || (b.cell[4][b.product] ?? 0) - (a.cell[4][a.product] ?? 0))
        .slice(0, 300),
    [scene.cells, scene.product],
  );
  return (
    <div className="scroll">
      <table>
        <caption className="sr">Cells, highest multiplier first</caption>
        <thead>
          <tr><th>Cell</th><th>Place</th><th className="right">Multiplier</th><th className="right">Demand</th><th className="right">Idle</th><th className="right">Busy</th><th className="right">Wait</th></tr>
        </thead>
        <tbody>
          {rows.map(({ index, cell, product }) => (
            <tr key={index} className="pick" aria-selected={index === scene.chosen} onClick={() => go({ item: index })}>
              <td className="mono">{index}</td>
              <td className="muted">{cellToLatLng(index).map((degrees) => degrees.toFixed(3)).join(", ")}</td>
              <td className="right"><b>{multiplier(cell[3][product] ?? 100)}</b></td>
              <td className="right">{((cell[4][product] ?? 0) / 10).toFixed(1)}</td>
              <td className="right">{cell[1]}</td>
              <td className="right">{cell[2]}</td>
              <td className="right">{duration((cell[5][product] ?? -1) * 1000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
