// The lineage: who writes what, who reads it, how much, how late, and what is wrong.
import { Background, Controls, MarkerType, MiniMap, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react";
import { useEffect, useMemo, useRef } from "react";
import { Choice, Empty, To } from "../parts/basics";
import { EdgePanel } from "../parts/EdgePanel";
import { type FlowEdge, GraphEdge } from "../parts/GraphEdge";
import { type FlowNode, GraphNode, sentenceOf, SIZES } from "../parts/GraphNode";
import { LineageTable } from "../parts/LineageTable";
import { NodePanel } from "../parts/NodePanel";
import { drawn, type EdgeValue, type Graph, isMemory, neighbours, READS } from "../graph";
import { laid, type Laid, type Place } from "../layout";
import { go, useAddress, useBoard, useNow, useQuery, useThen } from "../use";
import { PLACED, rateIn, useCarried, useZones } from "../zones";

export function Lineage({ chosen }: { chosen: string }) {
  return (
    <ReactFlowProvider>
      <LineageView chosen={chosen} />
    </ReactFlowProvider>
  );
}

function LineageView({ chosen }: { chosen: string }) {
  const values = useBoard("lineage");
  const now = useNow();
  const [aside, setAside] = useQuery("aside");
  const [topics, setTopics] = useQuery("topics", "on");
  const [form, setForm] = useQuery("as", innerWidth < 720 ? "table" : "graph");
  const [search, setSearch] = useQuery("find");
  const [edgeName] = useQuery("edge");
  const graph = drawn(values, { aside: aside === "on", topics: topics === "on" });
  const name = chosen.endsWith(READS) ? chosen.slice(0, -READS.length) : chosen;
  if (!values.size) return <Empty title="No telemetry here">Live, services report once a second: this takes a moment after a start. Of an instant that the topics forgot, rates are kept nowhere; map and quotes may be.</Empty>;
  const unknown = chosen && !values.has(`node/${name}`);
  const edge = values.get(`edge/${edgeName}`) as EdgeValue | undefined;
  return (
    <>
      <div className="column">
        <div className="toolbar">
          <input className="field" data-search type="search" aria-label="Find a node" placeholder="Find a node  /" value={search} onChange={(event) => setSearch(event.target.value)} onKeyDown={(event) => event.key === "Enter" && openFound(graph, search)} />
          <Choice label="Form" options={[["graph", "Graph"], ["table", "Table"]]} value={form as "graph"} onChange={setForm} />
          <label className="check">
            <input type="checkbox" checked={topics === "on"} onChange={(event) => setTopics(event.target.checked ? "on" : "off")} /> Topics
          </label>
          <label className="check">
            <input type="checkbox" checked={aside === "on"} onChange={(event) => setAside(event.target.checked ? "on" : "")} /> Telemetry, late, dead letters
          </label>
        </div>
        {form === "table" ? <LineageTable graph={graph} chosen={chosen} now={now} search={search} /> : <Drawing graph={graph} chosen={chosen} edgeName={edgeName} now={now} search={search} />}
      </div>
      {unknown ? (
        <aside className="panel">
          <Empty title={`There is no node ${name}`}>
            <To view="lineage">Back to the whole graph</To>
          </Empty>
        </aside>
      ) : chosen ? (
        <NodePanel name={name} graph={graph} values={values} now={now} />
      ) : (
        edge && <EdgePanel edge={edge} />
      )}
    </>
  );
}

function openFound(graph: Graph, search: string): void {
  const found = [...graph.nodes.keys()].find((name) => name.includes(search.toLowerCase()));
  if (found) go({ item: found });
}

// ---- graph

interface DrawingProps { graph: Graph; chosen: string; edgeName: string; now: number; search: string }

function Drawing({ graph, chosen, edgeName, now, search }: DrawingProps) {
  const { fitView } = useReactFlow();
  const { query } = useAddress();
  const then = useThen()?.lineage;
  const zones = useZones();
  const carried = useCarried(zones.length ? PLACED : []);
  const zoned = (name: string) => (zones.length && carried?.[name] ? rateIn(carried[name], zones) : undefined);
  const edgesDrawn = graph.edges.filter((edge) => edge.from === chosen || edge.to === chosen || !isMemory(graph.edges, edge));
  const shape = [...graph.nodes.keys()].join() + edgesDrawn.map((edge) => edge.from + edge.to).join();
  const plan = useMemo(() => {
    const sized = [...graph.nodes].map(([id, value]) => ({ id, width: SIZES[value.kind][0], height: SIZES[value.kind][1] }));
    return laid(sized, edgesDrawn.map((edge) => [edge.from, edge.to] as const));
  }, [shape]);
  const near = chosen && graph.nodes.has(chosen) ? neighbours(graph.edges, chosen) : null;
  const isFar = (name: string) => (near !== null && !near.has(name)) || (search !== "" && !name.includes(search.toLowerCase()));
  const nodes: FlowNode[] = [...graph.nodes].map(([id, value]) => ({
    id,
    type: "box",
    position: plan.places.get(id) ?? { x: 0, y: 0 },
    width: SIZES[value.kind][0],
    height: SIZES[value.kind][1],
    data: { value, chosen: id === chosen, far: isFar(id), now, zones: zoned(id), then: then?.get(`node/${value.name}`) },
    ariaLabel: sentenceOf(id, value),
    draggable: false,
    connectable: false,
  }));
  const many = (end: "from" | "to", name: string) => edgesDrawn.filter((edge) => edge[end] === name).length;
  const edges: FlowEdge[] = edgesDrawn.map((value) => ({
    id: `${value.from}>${value.to}`,
    source: value.from,
    target: value.to,
    type: "flow",
    focusable: false,
    markerEnd: ARROW,
    data: {
      value,
      chosen: `${value.from}>${value.to}` === edgeName,
      far: near !== null ? value.from !== chosen && value.to !== chosen : isFar(value.from) && isFar(value.to),
      bends: plan.bends.get(`${value.from}>${value.to}`) ?? [],
      back: plan.returns.has(`${value.from}>${value.to}`) ? [side(graph, plan, value.from, 0), side(graph, plan, value.to, 1)] : null,
      near: many("to", value.to) > many("from", value.from) ? "source" : "target",
      zones: zoned(value.from) ?? zoned(value.to),
    },
  }));
  const first = useRef(true);
  useEffect(() => {
    const calm = first.current || matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setTimeout(() => void fitView({ padding: near ? 0.12 : { top: "26px", left: "20px", right: "20px", bottom: "64px" }, maxZoom: 1.15, duration: calm ? 0 : 250, ...(near && { nodes: [...near].map((id) => ({ id })) }) }), 30);
    first.current = false;
    return () => clearTimeout(timer);
  }, [shape, chosen]);
  return (
    <div className="graph" onKeyDown={(event) => walk(event, graph, plan.places)}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        minZoom={0.15}
        maxZoom={2}
        fitView
        nodesDraggable={false}
        nodesConnectable={false}
        deleteKeyCode={null}
        onNodeClick={(_, node) => go({ item: node.id, query: { ...query, edge: "" } })}
        onEdgeClick={(_, edge) => go({ item: "", query: { ...query, edge: edge.id.replaceAll(READS, "") } })}
        onPaneClick={() => (chosen || edgeName) && go({ item: "", query: { ...query, edge: "" } })}
        proOptions={{ hideAttribution: true }}
      >
        <Background color="var(--line)" gap={22} size={1} />
        <Controls showInteractive={false} position="bottom-left" />
        <MiniMap pannable zoomable style={{ width: 168, height: 96 }} maskColor="color-mix(in srgb, var(--ground) 70%, transparent)" nodeColor={miniColour} nodeBorderRadius={8} bgColor="var(--sheet)" ariaLabel="Overview of the graph" />
      </ReactFlow>
      <div className="legend-box">
        <div className="legend">
          <span><i className="t" />topic: rate, age of its newest record</span>
          <span><i className="s" />service, bar and border: share of a core</span>
          <span><i className="o" />outside</span>
          <span>thicker: more records a second; dashed: nothing measured</span>
        </div>
      </div>
    </div>
  );
}

const nodeTypes = { box: GraphNode };
const edgeTypes = { flow: GraphEdge };

/** A point low on a node's left side (0) or right side (1). */
function side(graph: Graph, plan: Laid, name: string, which: 0 | 1): Place {
  const place = plan.places.get(name) ?? { x: 0, y: 0 };
  const [width, height] = SIZES[graph.nodes.get(name)!.kind];
  return { x: place.x + which * width, y: place.y + height * 0.82 };
}

const ARROW = { type: MarkerType.ArrowClosed, width: 14, height: 14, markerUnits: "userSpaceOnUse", color: "var(--flow)" } as const;

function miniColour(node: FlowNode): string {
  if (node.data.value.badges.some((badge) => badge.severity === "error")) return "var(--red)";
  return { service: "var(--service)", topic: "var(--tide)", producer: "var(--line-strong)", consumer: "var(--line-strong)" }[node.data.value.kind];
}

/** Arrow keys lead along edges (left, right) and up and down a column. */
function walk(event: React.KeyboardEvent, graph: Graph, places: Map<string, { x: number; y: number }>): void {
  const at = (event.target as HTMLElement).closest(".react-flow__node")?.getAttribute("data-id");
  if (event.key === "Escape") go({ item: "" });
  if (!at || !event.key.startsWith("Arrow")) return;
  event.preventDefault();
  event.stopPropagation();
  const here = places.get(at)!;
  const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
  const ahead = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1;
  const candidates = sideways
    ? graph.edges.flatMap((edge) => (ahead > 0 ? (edge.from === at ? [edge.to] : []) : edge.to === at ? [edge.from] : []))
    : [...places].filter(([, place]) => place.x === here.x && (place.y - here.y) * ahead > 0).map(([id]) => id);
  const next = candidates.sort((a, b) => Math.abs(places.get(a)!.y - here.y) - Math.abs(places.get(b)!.y - here.y))[0];
  if (next) document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(next)}"]`)?.focus();
}
