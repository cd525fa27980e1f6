// From board values to the nodes and edges that are drawn.
import type { Badge } from "./parts/basics";
import type { Values } from "./live";

export interface TopicValue {
  kind: "topic";
  name: string;
  about: string;
  key_is: string;
  retention_ms: number;
  rate: number;
  records: number;
  partitions: [number, number, number, number][];
  newest_ms: number;
  event_lag_ms: number;
  sources: string[];
  badges: Badge[];
}
export interface ServiceValue {
  kind: "service";
  name: string;
  workers: { name: string; now_ms: number; busy: number; versions: Record<string, string> }[];
  busy: number;
  heard_ms: number;
  behind_ms: number;
  behind: number;
  read_rate: number;
  written_rate: number;
  latency_ms: Record<string, [number, number]>;
  gauges: Record<string, number>;
  badges: Badge[];
}
export interface OutsideValue {
  kind: "producer" | "consumer";
  name: string;
  sources: string[];
  badges: Badge[];
}
export type NodeValue = TopicValue | ServiceValue | OutsideValue;
export interface EdgeValue {
  from: string;
  to: string;
  rate: number;
  bytes_rate: number;
  declared: boolean;
  measured: boolean;
  behind: number;
  behind_ms: number;
}
export interface Graph {
  nodes: Map<string, NodeValue>;
  edges: EdgeValue[];
}

/** Readers outside stand on the right, also those that write on the left: their second node has this ending. */
export const READS = " (reads)";
const ASIDE = ["telemetry.v1", "late-events.v1"];

/** What to draw: topics that are set aside (telemetry, late events, dead letters) only when asked for or in trouble. */
export function drawn(values: Values, options: { aside: boolean; topics: boolean }): Graph {
  const nodes = new Map<string, NodeValue>();
  for (const [key, value] of values) if (key.startsWith("node/")) nodes.set(value.name, value);
  const edges: EdgeValue[] = [];
  const outside = (name: string) => nodes.get(name)?.kind === "producer" || nodes.get(name)?.kind === "consumer";
  const kept = (name: string) => {
    const node = nodes.get(name);
    if (node?.kind !== "topic") return true;
    if (ASIDE.includes(name) || name.endsWith(".dlq")) return node.badges.length > 0 || (options.aside && (node.records > 0 || ASIDE.includes(name)));
    return true;
  };
  for (const [key, edge] of values) {
    if (!key.startsWith("edge/") || !kept(edge.from) || !kept(edge.to)) continue;
    edges.push(outside(edge.to) ? { ...edge, to: edge.to + READS } : edge);
  }
  // A service that reads back what it wrote remembers by it: writing comes first, so it decides the direction.
  edges.sort((a, b) => Number(nodes.get(a.from)?.kind === "topic") - Number(nodes.get(b.from)?.kind === "topic"));
  const shown = options.topics ? edges : throughTopics(edges, nodes);
  const seen = new Set(shown.flatMap((edge) => [edge.from, edge.to]));
  const result = new Map<string, NodeValue>();
  for (const [name, node] of nodes) {
    if (seen.has(name)) result.set(name, node);
    if (seen.has(name + READS)) result.set(name + READS, { ...node, kind: "consumer" } as OutsideValue);
  }
  return { nodes: result, edges: shown };
}

/** Edges from writer to reader, topics left out; a topic's own rate is its reader's. */
function throughTopics(edges: EdgeValue[], nodes: Map<string, NodeValue>): EdgeValue[] {
  const sums = new Map<string, EdgeValue>();
  for (const write of edges) {
    if (nodes.get(write.to)?.kind !== "topic") continue;
    for (const read of edges) {
      if (read.from !== write.to || read.to === write.from) continue;
      const key = `${write.from}>${read.to}`;
      const sum = sums.get(key);
      if (sum) Object.assign(sum, { rate: sum.rate + read.rate, behind: sum.behind + read.behind, behind_ms: Math.max(sum.behind_ms, read.behind_ms) });
      else sums.set(key, { ...read, from: write.from });
    }
  }
  return [...sums.values()];
}

/** Whether the reader of this edge is also the topic's writer: its own memory, drawn only when asked about. */
export function isMemory(edges: EdgeValue[], edge: EdgeValue): boolean {
  return edges.some((other) => other.from === edge.to && other.to === edge.from) && !edge.from.includes(" ") && edge.from.includes(".v");
}

/** The node itself and its direct neighbours. */
export function neighbours(edges: EdgeValue[], name: string): Set<string> {
  return new Set([name, ...edges.flatMap((edge) => (edge.from === name ? [edge.to] : edge.to === name ? [edge.from] : []))]);
}

/** Width in pixels: each tenfold of the rate adds the same, so that 1/s and 10,000/s both can be seen. */
export function edgeWidth(rate: number): number {
  return rate <= 0 ? 1 : 1.2 + 1.15 * Math.log10(1 + rate);
}

/** Badges that tell of refused records: they lead back to the topic in which those stood. */
const REFUSALS = new Set(["dead letters", "refusing", "refused"]);

/** The fault to look at first: followed upstream from here as long as a neighbour before it has an error, or refused records too. */
export function firstCause(graph: Graph, name: string): string {
  const badges = (node: string) => graph.nodes.get(node)?.badges ?? [];
  const failing = (node: string) => badges(node).some((badge) => badge.severity === "error");
  const refusing = (node: string) => badges(node).some((badge) => REFUSALS.has(badge.code));
  const seen = new Set<string>();
  let at = name;
  while (!seen.has(at)) {
    seen.add(at);
    const before = graph.edges.filter((edge) => edge.to === at && !seen.has(edge.from)).map((edge) => edge.from);
    const next = before.find(failing) ?? (refusing(at) ? before.find(refusing) : undefined);
    if (!next) break;
    at = next;
  }
  return at;
}
