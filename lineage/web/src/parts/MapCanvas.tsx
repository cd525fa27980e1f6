// The map's canvas: drawn once per frame of the screen at most; drag moves, wheel zooms, click opens, shift brushes zones.
import { getResolution, latLngToCell } from "h3-js";
import { useEffect, useRef, useState } from "react";
import { duration, multiplier } from "../format";
import { type Cell, fit, outline, rampOf, SCALES, type View } from "../hexes";
import { Painter, type Scene } from "../painting";
import { go, live, useAddress, useNow } from "../use";
import { choose } from "../zones";

export function MapCanvas({ scene, brushing }: { scene: Scene; brushing: boolean }) {
  const { query } = useAddress();
  const brush = useRef<{ zones: Set<string>; adding: boolean } | null>(null);
  const brushOver = (cell: string | null) => {
    const zone = cell && scene.cells.get(cell)?.[0];
    if (!zone || !brush.current) return;
    if (brush.current.adding) brush.current.zones.add(zone);
    else brush.current.zones.delete(zone);
    latest.current = { ...latest.current, picked: brush.current.zones };
    paint();
  };
  const canvas = useRef<HTMLCanvasElement>(null);
  const above = useRef<HTMLCanvasElement>(null);
  const painter = useRef(new Painter());
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
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    for (const held of [element, above.current!]) if (held.width !== width || held.height !== height) Object.assign(held, { width, height });
    const seen = `${latest.current.cells.size} ${box.width} ${box.height}`;
    if (!view.current || (!moved.current && fitted.current !== seen)) {
      view.current = fit(lively(latest.current.cells), box.width, box.height);
      fitted.current = seen;
    }
    if (!view.current || !width || !height) return;
    painter.current.paint(element.getContext("2d", { alpha: false })!, above.current!.getContext("2d")!, latest.current, { view: view.current, width, height, ratio, theme }, live.nowMs());
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
          if (brushing || event.shiftKey) {
            const cell = cellAt(event);
            brush.current = { zones: new Set(scene.picked), adding: !cell || !scene.picked.has(scene.cells.get(cell)![0]) };
            canvas.current!.setPointerCapture(event.pointerId);
            return brushOver(cell);
          }
          drag.current = { x: event.clientX, y: event.clientY, moved: false };
          canvas.current!.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          if (brush.current) return brushOver(cellAt(event));
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
          if (brush.current) {
            choose([...brush.current.zones], query);
            brush.current = null;
            return;
          }
          if (drag.current && !drag.current.moved) go({ item: cellAt(event) ?? "" });
          drag.current = null;
        }}
      />
      <canvas ref={above} className="above" aria-hidden="true" />
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
