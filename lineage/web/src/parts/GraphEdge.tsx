// One line of the graph: as wide as what flows, red where its reader is behind; a click tells which zones it carries.
import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps } from "@xyflow/react";
import { memo } from "react";
import { duration, rate } from "../format";
import { type EdgeValue, edgeWidth } from "../graph";
import type { Place } from "../layout";
import { route } from "../routes";

export interface EdgeData extends Record<string, unknown> {
  value: EdgeValue;
  far: boolean;
  chosen: boolean;
  bends: Place[];
  /** Where the edge leads back: it leaves its source at the left and comes to its target from the right, below the others. */
  back: [Place, Place] | null;
  near: "source" | "target";
  /** Records a second of the zones chosen on the map; undefined while none are. */
  zones: number | undefined;
}
export type FlowEdge = Edge<EdgeData, "flow">;

export const GraphEdge = memo(({ data, markerEnd, sourceX, sourceY, targetX, targetY }: EdgeProps<FlowEdge>) => {
  const { value, far, chosen, bends, back, near, zones } = data!;
  const [source, target] = back ?? [{ x: sourceX, y: sourceY }, { x: targetX, y: targetY }];
  const { path, label } = route(source, target, bends, near);
  const late = value.behind_ms > 5_000;
  const shown = zones ?? value.rate;
  const stroke = chosen ? "var(--ink)" : late ? "var(--red)" : shown > 0 ? "var(--flow)" : "var(--line-strong)";
  const dashed = !value.measured && value.rate <= 0;
  return (
    <>
      <BaseEdge path={path} {...(markerEnd && { markerEnd })} interactionWidth={14} style={{ stroke, strokeWidth: edgeWidth(shown), opacity: far ? 0.1 : 1, ...(dashed && { strokeDasharray: "4 5" }) }} />
      {!far && (shown > 0 || late) && (
        <EdgeLabelRenderer>
          <span className={`edge-label${late ? " late" : ""}${zones === undefined ? "" : " zoned"}`} style={{ transform: `translate(-50%, -50%) translate(${label.x}px, ${label.y}px)` }}>
            {late ? `${duration(value.behind_ms)} behind` : rate(shown)}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
});
