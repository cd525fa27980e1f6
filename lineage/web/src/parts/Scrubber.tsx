// Which instant is shown: live, paused, or one of the last hours. Marks show deployments and what was set when.
import { useEffect, useRef, useState } from "react";
import { ask, live, useAnswer, useNow, useQuery, useStatus } from "../use";
import { useInstant } from "../stored";
import type { BoardName } from "../live";

const SPANS = [["1h", "1 h", 3_600_000], ["6h", "6 h", 21_600_000], ["24h", "24 h", 86_400_000], ["7d", "7 d", 604_800_000]] as const;
const STEPS = 720;

export function Scrubber() {
  const { mode } = useStatus();
  const now = useNow();
  const clock = useInstant();
  const [at, setAt] = useQuery("at");
  const [vs, setVs] = useQuery("vs");
  const [spanName, setSpan] = useQuery("span", "1h");
  const span = SPANS.find(([name]) => name === spanName)?.[2] ?? SPANS[0][2];
  const [wanted, setWanted] = useState<number | null>(null);
  const [sentence, setSentence] = useState("");
  const asking = useRef(0);
  const end = useRef(now);
  if (mode.kind === "live") end.current = now;
  const begin = end.current - span;
  const marks = useMarks(span);
  const part = (at_ms: number) => ((at_ms - begin) / span) * 100;

  const show = async (at_ms: number) => {
    const mine = ++asking.current;
    setSentence("…");
    try {
      const said = await ask<{ boards: Record<BoardName, Record<string, unknown>>; gone: string[] }>("at", { ms: at_ms });
      if (mine !== asking.current) return;
      live.show(at_ms, said.boards, said.gone);
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
        {marks.filter((mark) => mark.at_ms >= begin).map((mark) => (
          <button key={mark.at_ms + mark.title} type="button" tabIndex={-1} aria-hidden="true" className={`mark ${mark.kind}`} title={`${clock(mark.at_ms)}  ${mark.title}`} style={{ left: `${Math.min(100, part(mark.at_ms))}%` }} onClick={() => show(mark.at_ms)} />
        ))}
        {vs && Number(vs) > begin && <span className="mark then" style={{ left: `${part(Number(vs))}%` }} title={`compared with ${clock(Number(vs))}`} />}
        <input
          type="range"
          aria-label="Instant shown"
          aria-valuetext={clock(position, { date: true })}
          min={0}
          max={span}
          step={span / STEPS}
          value={Math.max(0, position - begin)}
          onChange={(event) => setWanted(Math.round(begin + Number(event.target.value)))}
          onPointerUp={() => wanted !== null && show(wanted)}
          onKeyUp={() => wanted !== null && show(wanted)}
        />
      </div>
      <span className="mono clip instant" title={sentence}>
        {sentence && sentence !== "…" ? "not kept" : clock(position, { date: span > 86_400_000 })}
      </span>
      <select className="field wide" aria-label="How far back the time line reaches" value={spanName} onChange={(event) => setSpan(event.target.value)}>
        {SPANS.map(([name, words]) => <option key={name} value={name}>{words}</option>)}
      </select>
      {!vs && (
        <button className="button wide" type="button" title="Compare what is shown with an earlier instant" onClick={() => setVs(String(Math.round(mode.kind === "live" ? live.nowMs() - 60_000 : mode.at_ms)))}>
          Compare
        </button>
      )}
      {sentence.length > 1 && <span className="sr" role="alert">{sentence}</span>}
    </div>
  );
}

interface Mark { at_ms: number; kind: "policy" | "model" | "market" | "deploy"; name: string; runs?: string; worker?: string }

/** Marks of the span; the far end moves in steps, so that the same question is asked again and again. */
function useMarks(span: number): { at_ms: number; kind: string; title: string }[] {
  const from = Math.floor((live.nowMs() - span) / 300_000) * 300_000;
  const answer = useAnswer<Mark[]>("marks", { from_ms: from }, 30_000);
  return (answer.value ?? []).map((mark) => ({
    at_ms: mark.at_ms,
    kind: mark.kind,
    title: mark.kind === "deploy" ? `${mark.worker} started: ${mark.runs}` : `${mark.kind} ${mark.name} set`,
  }));
}
