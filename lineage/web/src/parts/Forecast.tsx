// What the model looked at and what each value added, and what was counted around the cell.
import { duration, words } from "../format";
import { added, panesBack, scale, type Feature, type Ring, type Told } from "../explained";

export type { Ring, Told };
const RINGS = ["the cell", "ring 1", "ring 2"];

export function Features({ told }: { told: Told }) {
  const most = scale(told.features);
  return (
    <section className="card wide">
      <h2>Riders expected in five minutes</h2>
      <ol className="steps">
        {told.factors.map((factor, at) => (
          <li key={factor.name} className={at > 0 && Math.abs(factor.after - factor.before) > 0.0005 ? "moved" : ""}>
            <b>{factor.after.toFixed(3)}</b>
            <div>{words(factor.name)}</div>
          </li>
        ))}
      </ol>
      <h3>What the model looked at, and what each value added to the log of the forecast</h3>
      <div className="scroll-x"><table className="features">
        <thead><tr><th>Feature</th><th className="right">Value</th><th>Unit</th><th className="right">Log-linear</th><th className="right">Trees (SHAP)</th><th aria-hidden="true" /></tr></thead>
        <tbody>{told.features.map((feature) => <Row key={feature.name} feature={feature} most={most} />)}</tbody>
      </table></div>
      {told.trees_margin !== null && (
        <p className="muted" data-figure="margin">
          The trees' contributions {signed(told.features.reduce((sum, feature) => sum + (feature.trees ?? 0), 0))} and their base value {signed(told.trees_base ?? 0)} add up to the margin {signed(told.trees_margin)}, the log of their factor.
        </p>
      )}
    </section>
  );
}

function Row({ feature, most }: { feature: Feature; most: number }) {
  const part = added(feature) / most;
  return (
    <tr>
      <td>{words(feature.name)}</td>
      <td className="right mono">{feature.value.toFixed(3)}</td>
      <td className="muted">{feature.unit}</td>
      <td className="right mono">{feature.log_linear ? signed(feature.log_linear) : ""}</td>
      <td className="right mono">{feature.trees === null ? "" : signed(feature.trees)}</td>
      <td aria-hidden="true"><div className="shap"><i className={part > 0 ? "more" : "less"} style={{ left: `${50 + Math.min(0, part) * 50}%`, width: `${Math.abs(part) * 50}%` }} /></div></td>
    </tr>
  );
}

export function Rings({ rings, now_ms, clock }: { rings: Ring[]; now_ms: number; clock: (at: number, options?: { ms?: boolean }) => string }) {
  const panes = panesBack(rings[0]!, now_ms);
  const most = Math.max(1, ...panes.map((pane) => pane.requests));
  return (
    <section className="card wide">
      <h2>What was counted there</h2>
      <div className="scroll-x"><table>
        <thead><tr><th>Where</th><th className="right">Idle</th><th className="right">Busy</th>{rings[0]!.windows.map((window) => <th key={window.window_ms} className="right">{duration(window.window_ms)}</th>)}</tr></thead>
        <tbody>
          {rings.map((ring) => (
            <tr key={ring.ring} data-figure={`ring-${ring.ring}`}>
              <td>{RINGS[ring.ring]}</td><td className="right">{ring.idle}</td><td className="right">{ring.busy}</td>
              {ring.windows.map((window) => <td key={window.window_ms} className="right">{window.requests.toFixed(0)}</td>)}
            </tr>
          ))}
        </tbody>
      </table></div>
      <div>
        <h3>Riders in the cell per ten seconds, 32 minutes before the tick</h3>
        <div className="bars fine" role="img" aria-label={`Riders per pane: ${panes.map((pane) => pane.requests).join(", ")}`}>
          {panes.map((pane) => <i key={pane.start_ms} title={`${clock(pane.start_ms)}: ${pane.requests}`} style={{ height: `${(pane.requests / most) * 100}%` }} />)}
        </div>
      </div>
    </section>
  );
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
}
