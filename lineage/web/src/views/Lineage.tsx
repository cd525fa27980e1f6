// The lineage: who writes what, who reads it, how much, how late, and what is wrong.
import { Background, BaseEdge, Controls, EdgeLabelRenderer, type EdgeProps, getBezierPath, Handle, MiniMap, type Node, type NodeProps, Position, ReactFlow, type Edge, useReactFlow, ReactFlowProvider } from "@xyflow/react";
import { memo, useEffect, useMemo, useRef } from "react";
import { Badges, Choice, Empty, To } from "../parts/basics";
import { NodePanel } from "../parts/NodePanel";
import { duration, rate } from "../format";
import { drawn, type EdgeValue, edgeWidth, type Graph, isMemory, neighbours, type NodeValue, READS } from "../graph";
import { layout } from "../layout";
import { go, useBoard, useNow, useQuery } from "../use";

type FlowNode = Node<{ value: NodeValue; chosen: boolean; far: boolean; now: number }, "box">;
type FlowEdge = Edge<{ value: EdgeValue; far: boolean }, "flow">;
const SIZES = { topic: [164, 60], service: [164, 84], producer: [118, 48], consumer: [118, 48] } as const;

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
  const graph = drawn(values, { aside: aside === "on", topics: topics === "on" });
  const name = chosen.endsWith(READS) ? chosen.slice(0, -READS.length) : chosen;
  if (!values.size) return <Empty title="Waiting for the first telemetry">Services report once a second; this takes a moment after a start.</Empty>;
  const unknown = chosen && !values.has(`node/${name}`);
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
        {form === "table" ? <Table graph={graph} chosen={chosen} now={now} search={search} /> : <Drawing graph={graph} chosen={chosen} now={now} search={search} />}
      </div>
      {unknown ? (
        <aside className="panel">
          <Empty title={`There is no node ${name}`}>
            <To view="lineage">Back to the whole graph</To>
          </Empty>
        </aside>
      ) : (
        chosen && <NodePanel name={name} graph={graph} values={values} now={now} />
      )}
    </>
  );
}

function openFound(graph: Graph, search: string): void {
  const found = [...graph.nodes.keys()].find((name) => name.includes(search.toLowerCase()));
  if (found) go({ item: found });
}

// ---- graph

function Drawing({ graph, chosen, now, search }: { graph: Graph; chosen: string; now: number; search: string }) {
  const { fitView } = useReactFlow();
  const shape = [...graph.nodes.keys()].join() + graph.edges.map((edge) => edge.from + edge.to).join();
  const places = useMemo(() => {
    const sized = [...graph.nodes].map(([id, value]) => ({ id, width: SIZES[value.kind][0], height: SIZES[value.kind][1] }));
    return layout(sized, graph.edges.map((edge) => [edge.from, edge.to] as const));
  }, [shape]);
  const near = chosen && graph.nodes.has(chosen) ? neighbours(graph.edges, chosen) : null;
  const isFar = (name: string) => (near !== null && !near.has(name)) || (search !== "" && !name.includes(search.toLowerCase()));
  const nodes: FlowNode[] = [...graph.nodes].map(([id, value]) => ({
    id,
    type: "box",
    position: places.get(id) ?? { x: 0, y: 0 },
    width: SIZES[value.kind][0],
    height: SIZES[value.kind][1],
    data: { value, chosen: id === chosen, far: isFar(id), now },
    ariaLabel: sentenceOf(id, value),
    draggable: false,
    connectable: false,
  }));
  const edges: FlowEdge[] = graph.edges.filter((edge) => edge.from === chosen || edge.to === chosen || !isMemory(graph.edges, edge)).map((value) => ({
    id: `${value.from}>${value.to}`,
    source: value.from,
    target: value.to,
    type: "flow",
    focusable: false,
    data: { value, far: near !== null ? value.from !== chosen && value.to !== chosen : isFar(value.from) && isFar(value.to) },
  }));
  const first = useRef(true);
  useEffect(() => {
    const calm = first.current || matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setTimeout(() => void fitView({ padding: near ? 0.12 : 0.04, maxZoom: 1.1, duration: calm ? 0 : 250, ...(near && { nodes: [...near].map((id) => ({ id })) }) }), 30);
    first.current = false;
    return () => clearTimeout(timer);
  }, [shape, chosen]);
  return (
    <div className="graph" onKeyDown={(event) => walk(event, graph, places)}>
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
        onNodeClick={(_, node) => go({ item: node.id })}
        onPaneClick={() => chosen && go({ item: "" })}
        proOptions={{ hideAttribution: true }}
      >
        <Background color="var(--line-strong)" gap={22} size={1} />
        <Controls showInteractive={false} position="bottom-left" />
        <MiniMap pannable zoomable style={{ width: 168, height: 104 }} maskColor="color-mix(in srgb, var(--ground) 70%, transparent)" nodeColor={miniColour} nodeBorderRadius={8} bgColor="var(--sheet)" ariaLabel="Overview of the graph" />
      </ReactFlow>
      <div className="legend-box">
        <div className="legend">
          <span><i className="t" />topic</span>
          <span><i className="s" />service, bar: share of a core</span>
          <span><i className="o" />outside</span>
          <span>thicker: more records a second</span>
          <span>dashed: not measured</span>
        </div>
      </div>
    </div>
  );
}

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

const Box = memo(({ data }: NodeProps<FlowNode>) => {
  const { value, chosen, far, now } = data;
  const kind = value.kind === "topic" || value.kind === "service" ? value.kind : "outside";
  const gravest = value.badges[0]?.severity ?? "";
  return (
    <div className={`node ${kind} ${gravest}${chosen ? " selected" : ""}${far ? " far" : ""}`} data-node={value.name}>
      <Handle type="target" position={Position.Left} />
      <span className="name clip">{value.name}</span>
      <Small value={value} now={now} />
      {value.badges.length > 0 && (
        <span className="badges">
          <Badges badges={value.badges.slice(0, 2)} />
        </span>
      )}
      <Handle type="source" position={Position.Right} />
    </div>
  );
});

function Small({ value, now }: { value: NodeValue; now: number }) {
  if (value.kind === "topic")
    return (
      <span className="small">
        <span>{rate(value.rate)}</span>
        <span title="Age of the newest record">{value.newest_ms ? `${duration(Math.max(0, now - value.newest_ms))} old` : "empty"}</span>
      </span>
    );
  if (value.kind === "service")
    return (
      <>
        <span className="small">
          <span>in {rate(value.read_rate)}</span>
          <span>{value.behind_ms > 0 ? `${duration(value.behind_ms)} behind` : "up to date"}</span>
        </span>
        <span className="small">
          <span>out {rate(value.written_rate)}</span>
          <span>{Math.round(value.busy * 100)} % busy</span>
        </span>
        <span className="busy">
          <i style={{ width: `${Math.min(100, value.busy * 100)}%`, ...(value.busy > 0.8 && { background: "var(--amber)" }) }} />
        </span>
      </>
    );
  return <span className="small clip">{value.sources.length ? value.sources.join(", ") : value.kind === "producer" ? "writes" : "reads"}</span>;
}

function sentenceOf(id: string, value: NodeValue): string {
  const faults = value.badges.map((badge) => badge.sentence).join(" ");
  if (value.kind === "topic") return `Topic ${id}, ${rate(value.rate)}. ${faults}`;
  if (value.kind === "service") return `Service ${id}, reads ${rate(value.read_rate)}, ${Math.round(value.busy * 100)} % busy. ${faults}`;
  return `Outside: ${id}`;
}

const Flow = memo(({ data, ...edge }: EdgeProps<FlowEdge>) => {
  const [path, x, y] = getBezierPath({ ...edge, curvature: 0.3 });
  const { value, far } = data!;
  const late = value.behind_ms > 5_000;
  const stroke = late ? "var(--red)" : value.rate > 0 ? "var(--tide)" : "var(--line-strong)";
  return (
    <>
      <BaseEdge path={path} style={{ stroke, strokeWidth: edgeWidth(value.rate), opacity: far ? 0.08 : value.rate > 0 ? 0.62 : 0.75, ...(value.measured || value.rate > 0 ? {} : { strokeDasharray: "4 5" }) }} />
      {!far && (value.rate > 0 || late) && (
        <EdgeLabelRenderer>
          <span className={`edge-label${late ? " late" : ""}`} style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}>
            {late ? `${duration(value.behind_ms)} behind` : rate(value.rate)}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
});
const nodeTypes = { box: Box };
const edgeTypes = { flow: Flow };

// ---- table

function Table({ graph, chosen, now, search }: { graph: Graph; chosen: string; now: number; search: string }) {
  const rows = [...graph.nodes].filter(([name]) => name.includes(search.toLowerCase()));
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Node</th>
            <th>Kind</th>
            <th className="right">In</th>
            <th className="right">Out</th>
            <th className="right">Newest</th>
            <th>Warnings</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name} className="pick" aria-selected={name === chosen} onClick={() => go({ item: name })}>
              <td>
                <To view="lineage" item={name} query={{ as: "table" }}>{name}</To>
              </td>
              <td className="muted">{value.kind}</td>
              <td className="right">{value.kind === "service" ? rate(value.read_rate) : value.kind === "topic" ? rate(value.rate) : ""}</td>
              <td className="right">{value.kind === "service" ? rate(value.written_rate) : ""}</td>
              <td className="right">{value.kind === "topic" && value.newest_ms ? duration(Math.max(0, now - value.newest_ms)) : ""}</td>
              <td>
                <span className="row"><Badges badges={value.badges} /></span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
