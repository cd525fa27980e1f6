// Late and lost: whether the books balance per stage, what was refused and why, what came too late.
import { Choice, Empty, To } from "../parts/basics";
import { count, duration, words } from "../format";
import { type AuditRow, type OutRow, stages } from "../stages";
import { useInstant } from "../stored";
import { useBoard, useQuery } from "../use";

interface Cause { topic: string; service: string; kind: string; rule: string; count: number; minutes: Record<string, number>; newest_ms: number }
interface Dead { appended_ms: number; topic: string; dlq: string; dlq_offset: number; place: string; error_class: string; field: string; rule: string; sentence: string; service: string }
interface Late { appended_ms: number; topic: string; place: string; id: string; at_ms: number; pane_ms: number; late_by_ms: number; service: string }

export function Losses() {
  const values = useBoard("losses");
  const clock = useInstant();
  const [tab, setTab] = useQuery("tab", "books");
  const all = <T,>(prefix: string): T[] => [...values].filter(([key]) => key.startsWith(prefix)).map(([, value]) => value as T);
  const newestFirst = <T extends { appended_ms: number }>(rows: T[]) => rows.sort((a, b) => b.appended_ms - a.appended_ms);
  const causes = all<Cause>("cause/").sort((a, b) => b.count - a.count);
  const since = values.get("since")?.since_ms ?? 0;
  return (
    <div className="column">
      <div className="toolbar">
        <Choice label="What" options={[["books", "Books"], ["refused", "Dead letters"], ["late", "Late events"]]} value={tab as "books"} onChange={setTab} />
        {tab === "books" && since > 0 && <span className="muted">Since {clock(since)}, when this dashboard began to count</span>}
      </div>
      {tab === "books" && <Books rows={all<AuditRow>("audit/")} outs={all<OutRow>("out/")} />}
      {tab === "refused" && <Refused causes={causes.filter((cause) => cause.kind !== "late")} rows={newestFirst(all<Dead>("dead/"))} />}
      {tab === "late" && <LateEvents causes={causes.filter((cause) => cause.kind === "late")} rows={newestFirst(all<Late>("late/"))} />}
    </div>
  );
}

function Books({ rows, outs }: { rows: AuditRow[]; outs: OutRow[] }) {
  if (!rows.length) return <Empty title="Nothing counted yet">Workers report once a second.</Empty>;
  const through = stages(rows, outs);
  const open = [...rows.filter((row) => row.missing !== 0), ...through.filter((stage) => stage.wrong)];
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Late and lost">
      <p style={{ padding: "14px 16px 4px", maxWidth: 780 }}>
        {open.length === 0 ? <b style={{ color: "var(--green)" }}>The books balance.</b> : <b style={{ color: "var(--red)" }}>{open.length} {open.length === 1 ? "stage does" : "stages do"} not add up.</b>}{" "}
        <span className="muted">Each stage moved past as many records as its workers say they took in. A difference is a record lost or counted twice, or a second that a killed worker could not report.</span>
      </p>
      <table>
        <thead>
          <tr><th>Stage</th><th>Topic</th><th className="right">Moved past</th><th className="right">Taken in</th><th className="right">Difference</th><th className="right">Refused</th><th className="right">Late</th><th className="right">Waiting</th></tr>
        </thead>
        <tbody data-figure="stages">
          {rows.map((row) => (
            <tr key={row.service + row.topic}>
              <td><To view="lineage" item={row.service}>{row.service}</To></td>
              <td><To view="lineage" item={row.topic}>{row.topic}</To></td>
              <td className="right">{count(row.moved)}</td>
              <td className="right">{count(row.taken)}</td>
              <td className="right">{row.missing === 0 ? <span className="muted">0</span> : <span className="badge error">{count(row.missing)}</span>}</td>
              <td className="right">{row.refused ? <span className="badge warning">{count(row.refused)}</span> : <span className="muted">0</span>}</td>
              <td className="right">{row.late ? <span className="badge warning">{count(row.late)}</span> : <span className="muted">0</span>}</td>
              <td className="right muted">{count(row.waiting)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h2 className="between">From in to out</h2>
      <table>
        <thead>
          <tr><th>Service</th><th className="right">In</th><th className="right">Refused</th><th className="right">Late</th><th className="right">Out</th><th className="right">Merged</th><th>What that means</th></tr>
        </thead>
        <tbody>
          {through.map((stage) => (
            <tr key={stage.service}>
              <td><To view="lineage" item={stage.service}>{stage.service}</To></td>
              <td className="right">{count(stage.in)}</td>
              <td className="right">{count(stage.refused)}</td>
              <td className="right">{count(stage.late)}</td>
              <td className="right">{count(stage.out)}</td>
              <td className="right">{count(stage.merged)}</td>
              <td>{stage.wrong ? <span className="badge error">{stage.wrong}</span> : <span className="muted">{MEANS[stage.service] ?? ""}</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MEANS: Record<string, string> = {
  supply: "pings become counts of cells",
  demand: "requests become counts of cells and panes",
  pricing: "counts become ticks",
  quotes: "one answer for each request",
  recorder: "records become rows of the database",
};

function Causes({ causes }: { causes: Cause[] }) {
  const clock = useInstant();
  const newest = Math.max(...causes.map((cause) => Math.max(...Object.keys(cause.minutes).map(Number))));
  const minutes = Array.from({ length: 60 }, (_, at) => newest - (59 - at) * 60_000);
  return (
    <table>
      <thead><tr><th>Topic</th><th>Refused by</th><th>Rule</th><th className="right">Count</th><th style={{ width: "34%" }}>Per minute, last hour</th></tr></thead>
      <tbody>
        {causes.map((cause) => {
          const most = Math.max(...Object.values(cause.minutes));
          return (
            <tr key={cause.topic + cause.service + cause.kind + cause.rule}>
              <td><To view="lineage" item={cause.topic}>{cause.topic}</To></td>
              <td>{cause.service}</td>
              <td>{words(cause.rule)} {cause.kind !== "late" && <span className="badge">{cause.kind}</span>}</td>
              <td className="right"><b>{count(cause.count)}</b></td>
              <td><div className="bars" style={{ height: 24 }}>{minutes.map((at) => <i key={at} title={`${clock(at)}: ${cause.minutes[at] ?? 0}`} style={{ height: `${((cause.minutes[at] ?? 0) / most) * 100}%` }} />)}</div></td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Refused({ causes, rows }: { causes: Cause[]; rows: Dead[] }) {
  const clock = useInstant();
  if (!rows.length) return <Empty title="Nothing was refused">Records that break a rule are kept whole in dead letters, with the reason, and appear here.</Empty>;
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Late and lost">
      <Causes causes={causes} />
      <table>
        <thead><tr><th>Refused</th><th>Record</th><th>Field</th><th>What is wrong</th><th>Dead letter</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.dlq + row.dlq_offset}>
              <td className="mono">{clock(row.appended_ms)}</td>
              <td><To view="messages" item={row.topic} query={{ place: row.place }} className="mono">{row.topic} {row.place}</To></td>
              <td className="mono">{row.field}</td>
              <td style={{ whiteSpace: "normal" }}>{row.sentence}</td>
              <td><To view="messages" item={row.dlq} query={{ place: `0@${row.dlq_offset}` }} className="mono">0@{row.dlq_offset}</To></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function LateEvents({ causes, rows }: { causes: Cause[]; rows: Late[] }) {
  const clock = useInstant();
  if (!rows.length) return <Empty title="Nothing came late">An event appended more than twenty seconds after the end of its ten-second pane is counted nowhere and appears here.</Empty>;
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Late and lost">
      <Causes causes={causes} />
      <table>
        <thead><tr><th>Appended</th><th>Happened</th><th>Pane</th><th className="right">Too late by</th><th>Event</th><th>Id</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.topic + row.place}>
              <td className="mono">{clock(row.appended_ms)}</td>
              <td className="mono">{clock(row.at_ms)}</td>
              <td className="mono">{clock(row.pane_ms)}</td>
              <td className="right">{duration(row.late_by_ms)}</td>
              <td><To view="messages" item={row.topic} query={{ place: row.place }} className="mono">{row.topic} {row.place}</To></td>
              <td className="mono muted">{row.id}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
