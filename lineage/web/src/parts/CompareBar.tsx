// The instant compared with: chosen from here, its differences in a line, marked on graph and map.
import { useEffect } from "react";
import { differences } from "../compare";
import { useInstant } from "../stored";
import { compareWith, live, useBoard, useNow, useQuery, useThen } from "../use";

const AGO = [["1 min", 60_000], ["5 min", 300_000], ["15 min", 900_000], ["1 h", 3_600_000]] as const;

export function CompareBar() {
  const [vs, setVs] = useQuery("vs");
  const then = useThen();
  const clock = useInstant();
  useNow(2_000);
  const now = { quotes: useBoard("quotes"), map: useBoard("map") };
  const instant = /^\d{13}$/.test(vs) ? Number(vs) : null;
  useEffect(() => {
    void compareWith(instant);
  }, [instant]);
  if (instant === null) return null;
  return (
    <div className="strip" role="status" aria-label="Comparison">
      <b>Compared with {clock(instant)}</b>
      <span className="row wrap grow compared">
        {live.thenSentence ? <span className="muted">{live.thenSentence}</span> : !then ? <span className="muted">Reading that instant</span> : differences(now, then).map((one) => (
          <span key={one.what} className={one.moved ? "moved" : ""}>{one.what}: <b>{one.then}</b> then, <b>{one.now}</b> now</span>
        ))}
      </span>
      <label className="check">
        <span className="muted">Before what is shown</span>
        <select className="field" aria-label="Instant compared with" value="" onChange={(event) => setVs(String(Math.round(live.nowMs()) - Number(event.target.value)))}>
          <option value="" disabled>by…</option>
          {AGO.map(([words, ms]) => <option key={ms} value={ms}>{words}</option>)}
        </select>
      </label>
      <button className="button" type="button" onClick={() => setVs("")}>Stop comparing</button>
    </div>
  );
}
