// The city: cells by what they cost, who waits, who is free; as a map or as a table.
import { cellToLatLng } from "h3-js";
import { useCallback, useMemo, useRef, useState } from "react";
import { Choice, Empty, To } from "../parts/basics";
import { CellPanel } from "../parts/CellPanel";
import { MapCanvas } from "../parts/MapCanvas";
import type { Scene } from "../painting";
import { duration, multiplier } from "../format";
import { type Cell, type Metric, METRICS, type Zone } from "../hexes";
import type { Values } from "../live";
import { useRows } from "../rows";
import { go, useAddress, useBoard, useQuery, useThen } from "../use";
import { useZones } from "../zones";

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
  const minuteAgo = useMinuteAgo(cells);
  const then = useThen()?.map;
  const before = then ? multipliersOf(then) : minuteAgo;
  const zonesPicked = useZones();
  const [brushing, setBrushing] = useState(false);
  const products = [...new Set([...zones.values()].flatMap((zone) => zone.products))];
  const scene: Scene = { cells, zones, metric: metric as Metric, product: product || products[0] || "", chosen, before, picked: new Set(zonesPicked) };
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
          {form === "map" && <button className="button" type="button" aria-pressed={brushing} title="Drag over zones to choose them; so does shift with a click" onClick={() => setBrushing(!brushing)}>Brush zones</button>}
          <span className="muted narrow-off"><span data-figure="cells">{cells.size}</span> cells in {zones.size} zones</span>
        </div>
        {form === "table" ? <Table scene={scene} /> : <MapCanvas scene={scene} brushing={brushing} />}
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

/** Multipliers per cell of a map's board. */
function multipliersOf(values: Values): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [key, cell] of values) if (key.startsWith("cell/")) found.set(key.slice(5), (cell as Cell)[3]);
  return found;
}

function Table({ scene }: { scene: Scene }) {
  const rows = useMemo(
    () =>
      [...scene.cells]
        .map(([index, cell]) => ({ index, cell, product: scene.zones.get(cell[0])?.products.indexOf(scene.product) ?? 0 }))
        .filter(({ cell }) => !scene.picked.size || scene.picked.has(cell[0]))
        .sort((a, b) => (b.cell[3][b.product] ?? 0) - (a.cell[3][a.product] ?? 0) || (b.cell[4][b.product] ?? 0) - (a.cell[4][a.product] ?? 0))
        .slice(0, 300),
    [scene.cells, scene.product, scene.picked],
  );
  const { query } = useAddress();
  const at = useRows(rows.map(({ index }) => index), useCallback((index: string) => go({ item: index }), []));
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Rows">
      <table>
        <caption className="sr">Cells, highest multiplier first</caption>
        <thead>
          <tr><th>Cell</th><th>Place</th><th className="right">Multiplier</th><th className="right">Demand</th><th className="right">Idle</th><th className="right">Busy</th><th className="right">Wait</th></tr>
        </thead>
        <tbody>
          {rows.map(({ index, cell, product }, row) => (
            <tr key={index} className={`pick${row === at ? " open" : ""}`} data-at={row === at} aria-selected={index === scene.chosen} onClick={() => go({ item: index })}>
              <td className="mono"><To view="map" item={index} query={query}>{index}</To></td>
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
