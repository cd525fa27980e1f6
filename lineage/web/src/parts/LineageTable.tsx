// The graph as a table: the same nodes and figures, for those who read rather than look.
import { duration, rate } from "../format";
import type { Graph } from "../graph";
import { go } from "../use";
import { Badges, To } from "./basics";

export function LineageTable({ graph, chosen, now, search }: { graph: Graph; chosen: string; now: number; search: string }) {
  const rows = [...graph.nodes].filter(([name]) => name.includes(search.toLowerCase()));
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Nodes of the lineage">
      <table>
        <caption className="sr">Every node of the lineage with its rates, its lag and its warnings</caption>
        <thead>
          <tr>
            <th>Node</th>
            <th>Kind</th>
            <th className="right">In</th>
            <th className="right">Out</th>
            <th className="right">Newest</th>
            <th className="right">Behind</th>
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
              <td className="right">{value.kind === "service" ? duration(value.behind_ms) : ""}</td>
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
