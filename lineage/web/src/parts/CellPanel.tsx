// One cell: what it costs now, how that came to be over the last minutes, and its quotes.
import uPlot from "uplot";
import { useEffect, useRef } from "react";
import { duration, money, multiplier } from "../format";
import type { Cell, Zone } from "../hexes";
import { useInstant } from "../stored";
import { go, useAnswer, useBoard, useNow, useStatus } from "../use";
import type { QuoteRow } from "../views/Quotes";
import { Close, Empty, Figure, To } from "./basics";

export function CellPanel({ cell, value, zone }: { cell: string; value: Cell | undefined; zone: Zone | undefined }) {
  const now = useNow();
  const clock = useInstant();
  const quotes = useBoard("quotes");
  const { mode } = useStatus();
  const live = mode.kind === "live";
  const answer = useAnswer<{ history: [number, number[]][]; panes: Pane[] }>("cell", { cell, ...(!live && { ms: Math.round(mode.at_ms) }) }, live ? 5000 : 0);
  if (!value || !zone)
    return (
      <aside className="panel">
        <Empty title="No such cell on this map">
          <p>It has no price now.</p>
          <To view="map">Back to the whole map</To>
        </Empty>
      </aside>
    );
  const here = ([...quotes.values()] as QuoteRow[]).filter((quote) => quote.cell === cell).sort((a, b) => b.appended_ms - a.appended_ms).slice(0, 12);
  return (
    <aside className="panel" aria-label={`About cell ${cell}`}>
      <header>
        <div className="row">
          <h2 className="mono">{cell}</h2>
          <Close onClose={() => go({ item: "" })} />
        </div>
        <p className="muted">Zone {value[0]}, market {zone.market}</p>
      </header>
      {!zone.complete && <div className="warn"><b>counts incomplete</b><span>A source is silent: no price here may rise.</span></div>}
      {zone.fallback && <div className="warn"><b>no model</b><span>{zone.fallback}</span></div>}
      <div className="figures">
        <Figure name="idle" value={value[1]} label="idle cars" />
        <Figure name="busy" value={value[2]} label="busy cars" />
        <Figure name="age" value={duration(Math.max(0, now - zone.now_ms))} label="age of the tick" />
      </div>
      <section>
        <h3>By product</h3>
        <table>
          <thead><tr><th>Product</th><th className="right">Now</th><th className="right">Expected</th><th className="right">Wait</th></tr></thead>
          <tbody>
            {zone.products.map((product, at) => (
              <tr key={product}>
                <td>{product}</td>
                <td className="right"><b>{multiplier(value[3][at] ?? 100)}</b></td>
                <td className="right">{((value[4][at] ?? 0) / 10).toFixed(1)}</td>
                <td className="right">{duration((value[5][at] ?? -1) * 1000)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section>
        <h3>Multiplier, last twenty minutes</h3>
        <Chart points={answer.value?.history ?? []} products={zone.products} />
      </section>
      <Panes panes={answer.value?.panes ?? []} />
      <section>
        <h3>Quotes from here</h3>
        {here.length === 0 ? (
          <p className="muted">None among the newest.</p>
        ) : (
          <table>
            <tbody>
              {here.map((quote) => (
                <tr key={quote.place}>
                  <td><To view="quotes" item={quote.place} className="mono">{clock(quote.appended_ms)}</To></td>
                  <td>{quote.product}</td>
                  <td className="right">{quote.outcome === "PRICED" ? money(quote.amount_minor, quote.currency) : quote.outcome.toLowerCase()}</td>
                  <td className="right">{quote.outcome === "PRICED" ? multiplier(quote.multiplier_hundredths) : ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <div className="row wrap">
          <To view="quotes" query={{ text: value[0] }}>Quotes of the zone</To>
          <To view="messages" item="surge.v1" query={{ text: `zone=${value[0]}` }}>Its ticks</To>
          <To view="messages" item="supply-cells.v1" query={{ text: `zone=${value[0]}` }}>Its counts</To>
        </div>
      </section>
    </aside>
  );
}

interface Pane { start_ms: number; requests: number; bookings: number }

function Panes({ panes }: { panes: Pane[] }) {
  const clock = useInstant();
  const most = Math.max(1, ...panes.map((pane) => pane.requests));
  const sum = panes.reduce((all, pane) => all + pane.requests, 0);
  return (
    <section>
      <h3>Riders who asked, per pane of ten seconds</h3>
      <div className="bars" role="img" aria-label={`Riders per pane, oldest first: ${panes.map((pane) => pane.requests).join(", ")}`}>
        {panes.map((pane) => <i key={pane.start_ms} title={`${clock(pane.start_ms)}: ${pane.requests} asked, ${pane.bookings} booked`} style={{ height: `${(pane.requests / most) * 100}%` }} />)}
      </div>
      <p className="muted" data-figure="panes">{sum} in the last six minutes, at most {panes.length ? Math.max(...panes.map((pane) => pane.requests)) : 0} in one pane</p>
    </section>
  );
}

const COLOURS = ["--tide", "--service", "--amber"];

function Chart({ points, products }: { points: [number, number[]][]; products: string[] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const clock = useInstant();
  const data: uPlot.AlignedData = [points.map(([at]) => at / 1000), ...products.map((_, place) => points.map(([, values]) => (values[place] ?? 100) / 100))];
  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name);
    const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px Geist" };
    plot.current = new uPlot(
      {
        width: box.current!.clientWidth,
        height: 130,
        legend: { show: false },
        cursor: { y: false },
        scales: { y: { range: (_, low, high) => [Math.min(0.95, low), Math.max(1.25, high * 1.04)] } },
        axes: [{ ...axis, space: 64, values: (_, ticks) => ticks.map((tick) => clock(tick * 1000).slice(0, 8)) }, { ...axis, size: 38, values: (_, ticks) => ticks.map((tick) => `${tick.toFixed(1)}×`) }],
        series: [{}, ...products.map((product, at) => ({ label: product, stroke: colour(COLOURS[at % 3]!), width: 1.6, points: { show: false } }))],
      },
      data,
      box.current!,
    );
    return () => plot.current?.destroy();
  }, [products.join(), document.documentElement.dataset.theme]);
  useEffect(() => plot.current?.setData(data), [points]);
  return (
    <div>
      <div ref={box} style={{ minHeight: 130 }} role="img" aria-label="Multiplier over time, by product" />
      <div className="legend">
        {products.map((product, at) => <span key={product}><i style={{ background: `var(${COLOURS[at % 3]})`, border: 0 }} />{product}</span>)}
      </div>
    </div>
  );
}
