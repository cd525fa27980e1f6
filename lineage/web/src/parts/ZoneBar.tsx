// Which zones are chosen, on every view they filter, and the way back to all of them.
import { useAddress } from "../use";
import { choose, toggled, useZones } from "../zones";
import { To } from "./basics";

export function ZoneBar() {
  const { query, view } = useAddress();
  const zones = useZones();
  if (!zones.length) return null;
  return (
    <div className="strip" role="status">
      <b>{zones.length === 1 ? "One zone" : `${zones.length} zones`}</b>
      <span className="row wrap grow">
        {zones.slice(0, 6).map((zone) => (
          <button key={zone} className="chip mono" type="button" aria-label={`Leave out zone ${zone}`} onClick={() => choose(toggled(zones, zone), query)}>{zone.replace(/f+$/, "")} ✕</button>
        ))}
        {zones.length > 6 && <span className="muted">and {zones.length - 6} more</span>}
      </span>
      {view !== "map" && <To view="map">Map</To>}
      {view !== "lineage" && <To view="lineage">Lineage</To>}
      {view !== "quotes" && <To view="quotes">Quotes</To>}
      <button className="button" type="button" onClick={() => choose([], query)}>All zones</button>
    </div>
  );
}
