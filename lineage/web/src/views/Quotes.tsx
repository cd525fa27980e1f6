// The newest answers as they come, filtered; one of them opens its explanation.
import { useCallback } from "react";
import { Empty, To } from "../parts/basics";
import { count, duration, money, multiplier, words } from "../format";
import { useHeld, useRows } from "../rows";
import { useInstant } from "../stored";
import { go, useBoard, useQuery } from "../use";
import { useZones } from "../zones";

export interface QuoteRow {
  place: string;
  quote_id: string;
  rider_id: string;
  appended_ms: number;
  outcome: "PRICED" | "EXPIRED" | "REFUSED";
  refusal: string;
  product: string;
  zone: string;
  cell: string;
  currency: string;
  amount_minor: number;
  multiplier_hundredths: number;
  eta_s: number;
  fallback: string;
  reasons: string[];
  latency_ms: number;
}

export function matches(row: QuoteRow, filter: { text: string; outcome: string; product: string; surged: boolean; zones?: readonly string[] }): boolean {
  if (filter.zones?.length && !filter.zones.includes(row.zone)) return false;
  if (filter.outcome && row.outcome !== filter.outcome) return false;
  if (filter.product && row.product !== filter.product) return false;
  if (filter.surged && row.multiplier_hundredths <= 100) return false;
  return !filter.text || [row.quote_id, row.rider_id, row.cell, row.zone, row.refusal, ...row.reasons].some((field) => field.includes(filter.text));
}

export function Quotes() {
  const values = useBoard("quotes");
  const clock = useInstant();
  const [text, setText] = useQuery("text");
  const [outcome, setOutcome] = useQuery("outcome");
  const [product, setProduct] = useQuery("product");
  const [surged, setSurged] = useQuery("surged");
  const zones = useZones();
  const all = ([...values.values()] as QuoteRow[]).sort((a, b) => b.appended_ms - a.appended_ms || (a.place < b.place ? 1 : -1));
  const { rows, newer, hold } = useHeld(
    all.filter((row) => matches(row, { text, outcome, product, surged: surged === "on", zones })),
    [text, outcome, product, surged, ...zones].join(),
  );
  const open = useCallback((place: string) => go({ view: "quotes", item: place }), []);
  const at = useRows(rows.map((row) => row.place), open);
  const products = [...new Set(all.map((row) => row.product))].sort();
  return (
    <div className="column">
      <div className="toolbar">
        <input className="field" data-search type="search" aria-label="Filter by id, cell, zone or reason" placeholder="Id, cell, zone, reason  /" value={text} onChange={(event) => setText(event.target.value.trim())} />
        <select className="field" aria-label="Outcome" value={outcome} onChange={(event) => setOutcome(event.target.value)}>
          <option value="">every outcome</option>
          <option value="PRICED">priced</option>
          <option value="EXPIRED">expired</option>
          <option value="REFUSED">refused</option>
        </select>
        <select className="field" aria-label="Product" value={product} onChange={(event) => setProduct(event.target.value)}>
          <option value="">every product</option>
          {products.map((name) => <option key={name}>{name}</option>)}
        </select>
        <label className="check">
          <input type="checkbox" checked={surged === "on"} onChange={(event) => setSurged(event.target.checked ? "on" : "")} /> Above 1×
        </label>
        <span className="muted" data-figure="shown">{count(rows.length)} of the newest {count(all.length)}{newer > 0 && `, ${count(newer)} newer when the pointer leaves`}</span>
      </div>
      {rows.length === 0 ? (
        <Empty title={all.length ? "No quote matches" : "No quotes yet"}>
          {all.length ? <button className="button" type="button" onClick={() => go({ query: { zones: "" } })}>Clear the filters</button> : "The first request answered appears here."}
        </Empty>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label="Rows">
          <table>
            <thead>
              <tr>
                <th>Answered</th><th>Outcome</th><th className="right">Price</th><th className="right">Multiplier</th><th>Product</th>
                <th className="right">Wait</th><th className="right">Latency</th><th>Cell</th><th>Why</th><th>Rider</th>
              </tr>
            </thead>
            <tbody {...hold}>
              {rows.map((row, number) => (
                <tr key={row.place} className={`pick${number === at ? " open" : ""}`} data-at={number === at} onClick={() => go({ view: "quotes", item: row.place })}>
                  <td><To view="quotes" item={row.place} className="mono">{clock(row.appended_ms)}</To></td>
                  <td><span className={`badge ${row.outcome === "PRICED" ? "good" : "warning"}`}>{row.outcome === "PRICED" ? "priced" : words(row.refusal || row.outcome.toLowerCase())}</span></td>
                  <td className="right"><b>{row.outcome === "PRICED" ? money(row.amount_minor, row.currency) : "–"}</b></td>
                  <td className="right">{row.outcome === "PRICED" ? multiplier(row.multiplier_hundredths) : "–"}</td>
                  <td>{row.product}</td>
                  <td className="right">{row.eta_s >= 0 ? duration(row.eta_s * 1000) : "–"}</td>
                  <td className="right">{duration(row.latency_ms)}</td>
                  <td>{row.cell && <To view="map" item={row.cell} className="mono">{row.cell.replace(/f+$/, "")}</To>}</td>
                  <td className="muted clip" style={{ maxWidth: 260 }}>{[...new Set(row.reasons)].map(words).join(", ")}{row.fallback && ` ${words(row.fallback)}`}</td>
                  <td className="mono muted">{row.rider_id}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
