// One box of the graph: what it is, how much flows, how old, how busy, and what is wrong.
import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";
import { duration, rate } from "../format";
import type { NodeValue } from "../graph";
import { Badges } from "./basics";

export interface NodeData extends Record<string, unknown> {
  value: NodeValue;
  chosen: boolean;
  far: boolean;
  now: number;
  /** Records a second of the zones chosen on the map; undefined while none are. */
  zones: number | undefined;
  /** The same node at the instant compared with. */
  then: NodeValue | undefined;
}
export type FlowNode = Node<NodeData, "box">;
export const SIZES = { topic: [112, 78], service: [128, 106], producer: [98, 54], consumer: [98, 54] } as const;

/** Base name and what follows it: version and `dlq` are small, the words between hyphens may break. */
export function nameParts(name: string): [string, string] {
  const at = name.search(/\.v\d/);
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at)];
}

export const GraphNode = memo(({ data }: NodeProps<FlowNode>) => {
  const { value, chosen, far } = data;
  const kind = value.kind === "topic" || value.kind === "service" ? value.kind : "outside";
  const [base, rest] = nameParts(value.name);
  const busy = value.kind === "service" ? Math.min(1, value.busy) : 0; // the border is the heavier, the busier
  return (
    <div style={value.kind === "service" ? { borderWidth: 1.5 + 3.5 * busy } : undefined} className={`node ${kind} ${value.badges[0]?.severity ?? ""}${chosen ? " selected" : ""}${far ? " far" : ""}`} data-node={value.name}>
      <Handle type="target" position={Position.Left} />
      <span className="name" title={value.name}>
        {base.replaceAll("-", "-\u200b")}
        {rest && <small>{rest}</small>}
      </span>
      <Small data={data} />
      {value.badges.length > 0 && (
        <span className="badges">
          <Badges badges={value.badges.slice(0, 2)} />
        </span>
      )}
      <Handle type="source" position={Position.Right} />
    </div>
  );
});

function Small({ data }: { data: NodeData }) {
  const { value, now, zones, then } = data;
  if (value.kind === "topic")
    return (
      <span className="small">
        {zones === undefined ? <span>{rate(value.rate)}</span> : <b className="zoned">{rate(zones)}</b>}
        {then?.kind === "topic" ? <Was now={value.rate} then={then.rate} /> : <span title="Age of the newest record">{value.newest_ms ? duration(Math.max(0, now - value.newest_ms)) : value.records ? "–" : "empty"}</span>}
      </span>
    );
  if (value.kind === "service")
    return (
      <>
        <span className="small">
          <span>{rate(value.read_rate)} in</span>
          {then?.kind === "service" ? <Was now={value.read_rate} then={then.read_rate} /> : null}
        </span>
        <span className="small">
          <span className={value.behind_ms > 5_000 ? "late" : ""}>{value.behind_ms > 0 ? `${duration(value.behind_ms)} behind` : "up to date"}</span>
        </span>
        <span className="small">
          <span>{Math.round(value.busy * 100)} % busy</span>
          {then?.kind === "service" ? <Was now={value.busy} then={then.busy} /> : null}
        </span>
        <span className="busy">
          <i style={{ width: `${Math.min(100, value.busy * 100)}%`, ...(value.busy > 0.8 && { background: "var(--amber)" }) }} />
        </span>
      </>
    );
  return <span className="small clip">{value.kind === "producer" ? "writes" : "reads"}</span>;
}

/** How many times as much as then; nothing where it is about the same. */
function Was({ now, then }: { now: number; then: number }) {
  if (now === then || (then > 0 && Math.abs(now / then - 1) < 0.1)) return <span>same</span>;
  return <b className={now > then ? "more" : "less"}>{now > then ? "▲" : "▼"} {then > 0 ? `${(now / then).toFixed(1)}×` : "new"}</b>;
}

export function sentenceOf(id: string, value: NodeValue): string {
  const faults = value.badges.map((badge) => badge.sentence).join(" ");
  if (value.kind === "topic") return `Topic ${id}, ${rate(value.rate)}. ${faults}`;
  if (value.kind === "service") return `Service ${id}, reads ${rate(value.read_rate)}, ${Math.round(value.busy * 100)} % busy. ${faults}`;
  return `Outside: ${id}`;
}
