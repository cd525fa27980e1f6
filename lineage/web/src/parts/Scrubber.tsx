// Which instant is shown: live, paused, or one of the last hour. Marks show when policy, market or model changed.
import { useEffect, useRef, useState } from "react";
import { ask, live, useAnswer, useNow, useQuery, useStatus } from "../use";
import { useInstant } from "../stored";
import type { BoardName } from "../live";

const HOUR_MS = 3_600_000;
const STEP_MS = 5_000;

export function Scrubber() {
  const { mode } = useStatus();
  const now = useNow();
  const clock = useInstant();
  const [at, setAt] = useQuery("at");
  const [wanted, setWanted] = useState<number | null>(null);
  const [sentence, setSentence] = useState("");
  const asking = useRef(0);
  const marks = useMarks();
  const end = useRef(now);
  if (mode.kind === "live") end.current = now;
  const begin = end.current - HOUR_MS;

  const show = async (at_ms: number) => {
    const mine = ++asking.current;
    setSentence("…");
    try {
      const said = await ask<{ boards: Record<BoardName, Record<string, unknown>> }>("at", { ms: at_ms });
      if (mine !== asking.current) return;
      live.show(at_ms, said.boards);
      setAt(String(at_ms));
      setSentence("");
    } catch (error) {
      if (mine === asking.current) setSentence((error as Error).message);
    }
    setWanted(null);
  };
  useEffect(() => {
    if (/^\d{13}$/.test(at) && live.mode.kind === "live") void show(Number(at));
  }, []);
  const resume = () => {
    asking.current++;
    setSentence("");
    setAt("");
    live.resume();
  };
  const position = wanted ?? (mode.kind === "live" ? end.current : mode.at_ms);
  return (
    <div className="scrub">
      <button className="button" type="button" onClick={() => (mode.kind === "live" ? live.pause() : resume())}>
        {mode.kind === "live" ? "Pause" : "Go live"}
      </button>
      <div className="track">
        {marks.map((mark) => (
          <span key={mark.at_ms + mark.title} className="mark" title={mark.title} style={{ left: `${Math.min(100, Math.max(0, ((mark.at_ms - begin) / HOUR_MS) * 100))}%` }} hidden={mark.at_ms < begin} />
        ))}
        <input
          type="range"
          aria-label="Instant shown, within the last hour"
          aria-valuetext={clock(position, { date: true })}
          min={0}
          max={HOUR_MS}
          step={STEP_MS}
          value={position - begin}
          onChange={(event) => setWanted(begin + Number(event.target.value))}
          onPointerUp={() => wanted !== null && show(wanted)}
          onKeyUp={() => wanted !== null && show(wanted)}
        />
      </div>
      <span className="mono clip" title={sentence}>
        {sentence && sentence !== "…" ? "not kept" : clock(position)}
        {sentence === "…" ? " …" : ""}
      </span>
      {sentence.length > 1 && <span className="sr" role="alert">{sentence}</span>}
    </div>
  );
}

function useMarks(): { at_ms: number; title: string }[] {
  const answer = useAnswer<{ at_ms: number; topic: string; name: string }[]>("marks", {}, 30_000);
  const what: Record<string, string> = { "pricing-policy.v1": "Policy", "models.v1": "Model", "markets.v1": "Market" };
  return (answer.value ?? []).map((mark) => ({ at_ms: mark.at_ms, title: `${what[mark.topic]} ${mark.name} set` }));
}
