// One edge: how much flows, how late its reader is, and which zones it carries.
import { bytes, count, duration, rate } from "../format";
import type { EdgeValue } from "../graph";
import { go, useAddress } from "../use";
import { choose, PLACED, toggled, useCarried, useZones } from "../zones";
import { Close, Figure, To } from "./basics";

export function EdgePanel({ edge }: { edge: EdgeValue }) {
  const topic = edge.from.includes(".v") ? edge.from : edge.to;
  return (
    <aside className="panel" aria-label={`From ${edge.from} to ${edge.to}`}>
      <header>
        <div className="row">
          <h2>{edge.from} → {edge.to}</h2>
          <Close onClose={() => go({ query: {} })} />
        </div>
        <p className="muted">{edge.declared ? (edge.measured ? "Measured by the service." : "Measured at the topic: an outside party tells nothing.") : "Nobody declared this edge: telemetry shows it."}</p>
      </header>
      <div className="figures">
        <Figure name="edge-rate" value={rate(edge.rate)} label="records" />
        <Figure value={edge.bytes_rate > 0 ? `${bytes(edge.bytes_rate)}/s` : "–"} label="bytes" />
        <Figure value={edge.behind_ms > 0 ? duration(edge.behind_ms) : "0 s"} label={`behind, ${count(edge.behind)} records`} />
      </div>
      <Zones topic={topic} />
      <div className="row wrap">
        <To view="lineage" item={edge.from}>{edge.from}</To>
        <To view="lineage" item={edge.to}>{edge.to}</To>
        <To view="messages" item={topic}>Messages</To>
      </div>
    </aside>
  );
}

function Zones({ topic }: { topic: string }) {
  const { query } = useAddress();
  const zones = useZones();
  const placed = PLACED.includes(topic);
  const carried = useCarried(placed ? [topic] : [])?.[topic];
  if (!placed) return <p className="muted">Records of {topic} are about no place.</p>;
  if (!carried) return <p className="muted">Reading the newest records.</p>;
  const rows = Object.entries(carried.rates);
  const most = Math.max(...rows.map(([, many]) => many), 0.001);
  return (
    <section>
      <div className="row">
        <h3 className="grow">Zones it carries</h3>
        {zones.length > 0 && <button className="button plain" type="button" onClick={() => choose([], query)}>Choose none</button>}
        <To view="map">On the map</To>
      </div>
      {rows.length === 0 ? <p className="muted">None in the last {duration(carried.span_ms)}.</p> : (
        <table className="zones">
          <thead><tr><th>Zone</th><th className="right">Records</th><th><span className="sr">Share</span></th></tr></thead>
          <tbody>
            {rows.slice(0, 40).map(([zone, many]) => (
              <tr key={zone} aria-selected={zones.includes(zone)}>
                <td><label className="check mono"><input type="checkbox" checked={zones.includes(zone)} onChange={() => choose(toggled(zones, zone), query)} /> {zone.replace(/f+$/, "")}</label></td>
                <td className="right">{rate(many)}</td>
                <td aria-hidden="true"><span className="shap"><i style={{ left: 0, width: `${(many / most) * 100}%` }} /></span></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className="muted">{count(carried.looked_at)} of {count(carried.came)} records of the last {duration(carried.span_ms)} looked at{carried.without_zone > 0 && `, ${count(carried.without_zone)} about no place`}. Zones chosen here filter lineage, map, quotes and messages.</p>
    </section>
  );
}
