// Records over time, counted by the broker's offsets: drag over the bars to read that span only.
import { useRef, useState } from "react";
import { count, duration } from "../format";
import { useInstant } from "../stored";
import { useAnswer } from "../use";

export interface Span { from: number; to: number }
interface Counted { edges: number[]; records: number[] }

const BARS = 60;
export const REACHES = [["10m", "10 min", 600_000], ["1h", "1 h", 3_600_000], ["6h", "6 h", 21_600_000], ["24h", "24 h", 86_400_000]] as const;

interface VolumeProps {
  topic: string;
  partition: string;
  reach: number;
  until: number | null;
  chosen: Span | null;
  live: boolean;
  onChoose: (span: Span | null) => void;
}

export function Volume({ topic, partition, reach, until, chosen, live, onChoose }: VolumeProps) {
  const clock = useInstant();
  const query = { topic, partition, bars: BARS, span_ms: reach, ...(until && { to_ms: until }) };
  const counted = useAnswer<Counted>("volume", query, live ? 5_000 : 0).value;
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const box = useRef<HTMLDivElement>(null);
  if (!counted) return <div className="volume muted">Counting</div>;
  const { edges, records } = counted;
  const most = Math.max(1, ...records);
  const barAt = (x: number) => {
    const held = box.current!.getBoundingClientRect();
    return Math.min(BARS - 1, Math.max(0, Math.floor(((x - held.left) / held.width) * BARS)));
  };
  const inside = (bar: number) => {
    if (drag) return bar >= Math.min(...drag) && bar <= Math.max(...drag);
    return chosen ? edges[bar]! < chosen.to && edges[bar + 1]! > chosen.from : true;
  };
  const total = records.reduce((sum, many) => sum + many, 0);
  return (
    <div className="volume">
      <div
        ref={box}
        className="bars"
        role="img"
        aria-label={`${count(total)} records between ${clock(edges[0]!)} and ${clock(edges.at(-1)!)}, at most ${count(most)} in ${duration(reach / BARS)}`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([barAt(event.clientX), barAt(event.clientX)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], barAt(event.clientX)])}
        onPointerUp={() => {
          if (drag) onChoose({ from: edges[Math.min(...drag)]!, to: edges[Math.max(...drag) + 1]! });
          setDrag(null);
        }}
      >
        {records.map((many, bar) => (
          <i key={bar} className={inside(bar) ? "" : "out"} title={`${clock(edges[bar]!)}  ${count(many)}`}><b style={{ height: `${(many / most) * 100}%` }} /></i>
        ))}
      </div>
      <div className="axis mono" aria-hidden="true">
        <span>{clock(edges[0]!)}</span>
        <span data-figure="volume">{count(total)} records, most {count(most)} in {duration(reach / BARS)}</span>
        <span>{clock(edges.at(-1)!)}</span>
      </div>
    </div>
  );
}
