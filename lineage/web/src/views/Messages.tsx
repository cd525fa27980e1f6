// Any topic, decoded: tail it, go back in time or to a place, filter, look at one record whole.
import { type HTMLAttributes, useEffect, useState } from "react";
import { copy, Empty, To } from "../parts/basics";
import { count } from "../format";
import { useHeld, useRows } from "../rows";
import { useInstant } from "../stored";
import { go, useAddress, useAnswer, useBoard, useQuery, useStatus } from "../use";

interface Message {
  topic: string;
  place: string;
  partition: number;
  offset: number;
  appended_ms: number;
  key: string | null;
  headers: Record<string, string | null>;
  schema_id: number | null;
  record: Record<string, unknown> | null;
  problem: string;
}
interface Page {
  records: Message[];
  looked_at: number;
  matching: number;
  partitions: [number, number, number][];
}

export function Messages({ topic }: { topic: string }) {
  const graph = useBoard("lineage");
  const names = [...graph.values()].filter((value) => value.kind === "topic").map((value) => value.name as string);
  const chosen = topic || "quotes.v1";
  return (
    <>
      <Browser topic={chosen} names={names.length ? names : [chosen]} />
    </>
  );
}

function Browser({ topic, names }: { topic: string; names: string[] }) {
  const { mode } = useStatus();
  const address = useAddress();
  const [key, setKey] = useQuery("key");
  const [text, setText] = useQuery("text");
  const [partition, setPartition] = useQuery("partition", "-1");
  const [columns, setColumns] = useQuery("columns");
  const [place, setPlace] = useQuery("place");
  const [before, setBefore] = useQuery("before");
  const instant = mode.kind === "past" ? String(mode.at_ms) : before;
  const tailing = !place && !instant && mode.kind === "live";
  const clock = useInstant();
  const query: Record<string, string | number> = { topic, partition, limit: 60, key: useSettled(key), text: useSettled(text) };
  if (place) query.place = place;
  else if (instant) query.before_ms = instant;
  const answer = useAnswer<Page>("messages", query, tailing ? 2000 : 0);
  const [open, setOpen] = useState<string | null>(place || null);
  useEffect(() => setOpen(place || null), [topic, place]);
  const { rows: records, newer, hold } = useHeld(answer.value?.records ?? [], JSON.stringify(query));
  const at = useRows(records.length, (row) => setOpen(records[row]?.place ?? null));
  const opened = records.find((record) => record.place === open);
  const shown = columns ? columns.split(",") : firstFields(records);
  return (
    <>
      <div className="column">
        <div className="toolbar">
          <select className="field" aria-label="Topic" value={topic} onChange={(event) => go({ view: "messages", item: event.target.value, query: {} })}>
            {names.includes(topic) ? null : <option>{topic}</option>}
            {names.map((name) => <option key={name}>{name}</option>)}
          </select>
          <input className="field" data-search type="search" aria-label="Content, or field=value" placeholder="Content, or field=value  /" value={text} onChange={(event) => setText(event.target.value)} />
          <input className="field narrow-off" type="search" aria-label="Key" placeholder="Key" value={key} onChange={(event) => setKey(event.target.value)} style={{ width: 110 }} />
          <select className="field" aria-label="Partition" value={partition} onChange={(event) => setPartition(event.target.value)}>
            <option value="-1">every partition</option>
            {answer.value?.partitions.map(([number]) => <option key={number} value={number}>partition {number}</option>)}
          </select>
          <input className="field narrow-off" aria-label="Columns, commas between" placeholder={shown.join(", ") || "Columns"} value={columns} onChange={(event) => setColumns(event.target.value.replaceAll(" ", ""))} />
          {place || before ? (
            <button className="button" type="button" onClick={() => go({ query: { ...address.query, place: "", before: "" } })}>Newest</button>
          ) : null}
          <span className="muted">{tailing ? (newer ? `${count(newer)} newer when the pointer leaves` : "Following the end") : place ? `Around ${place}` : `Before ${clock(Number(instant) || Date.now())}`}</span>
        </div>
        {answer.state === "failed" && !answer.value ? (
          <Empty title="These messages cannot be shown">
            <p>{answer.sentence}</p>
            <To view="messages" item="quotes.v1">Go to quotes.v1</To>
          </Empty>
        ) : !answer.value ? (
          <Empty title="Reading the topic" />
        ) : (
          <>
            <Volume records={records} onPick={(at_ms) => { setPlace(""); setBefore(String(at_ms)); }} />
            <List records={records} shown={shown} open={open} at={at} setOpen={setOpen} hold={hold} />
            <p className="muted" style={{ padding: "6px 16px", borderTop: "1px solid var(--line)" }}>
              <span data-figure="matching">{count(answer.value.matching)}</span> of {count(answer.value.looked_at)} looked at, <span data-figure="kept">{count(answer.value.partitions.reduce((sum, [, begin, end]) => sum + end - begin, 0))}</span> kept
            </p>
          </>
        )}
      </div>
      {opened && <One message={opened} close={() => setOpen(null)} />}
    </>
  );
}

interface ListProps {
  records: Message[];
  shown: string[];
  open: string | null;
  at: number;
  setOpen: (place: string) => void;
  hold: HTMLAttributes<HTMLTableSectionElement>;
}

function List({ records, shown, open, at, setOpen, hold }: ListProps) {
  const clock = useInstant();
  if (!records.length) return <Empty title="No record matches">Nothing in the records looked at. An empty topic fills when its writer has something to say.</Empty>;
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr><th>Appended</th><th>Place</th><th>Key</th>{shown.map((column) => <th key={column}>{column}</th>)}</tr>
        </thead>
        <tbody {...hold}>
          {records.map((record, row) => (
            <tr key={record.place} className={`pick${record.place === open || row === at ? " open" : ""}`} data-at={row === at} onClick={() => setOpen(record.place)}>
              <td className="mono">{clock(record.appended_ms, { ms: true })}</td>
              <td className="mono muted"><button className="button plain mono" style={{ minHeight: 0, padding: 0 }} type="button" onClick={() => setOpen(record.place)}>{record.place}</button></td>
              <td className="mono">{record.key}</td>
              {record.problem ? (
                <td colSpan={shown.length}><span className="badge error">{record.problem}</span></td>
              ) : (
                shown.map((column) => <td key={column} className="clip" style={{ maxWidth: 240 }}>{short(record.record?.[column])}</td>)
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How many of the records shown fall in each of sixty equal parts of their time; a bar leads to the time before it. */
function Volume({ records, onPick }: { records: Message[]; onPick: (at_ms: number) => void }) {
  const clock = useInstant();
  if (records.length < 2) return null;
  const newest = records[0]!.appended_ms;
  const oldest = records.at(-1)!.appended_ms;
  const width = Math.max(1, (newest - oldest) / 60);
  const bars = new Array<number>(60).fill(0);
  for (const record of records) bars[Math.min(59, Math.floor((record.appended_ms - oldest) / width))]!++;
  const most = Math.max(...bars);
  return (
    <div className="bars" style={{ margin: "10px 16px 6px", flex: "none" }} role="img" aria-label={`Records between ${clock(oldest)} and ${clock(newest)}`}>
      {bars.map((many, at) => <i key={at} title={`${clock(oldest + at * width)}: ${many}`} style={{ height: `${(many / most) * 100}%`, cursor: "pointer" }} onClick={() => onPick(Math.ceil(oldest + (at + 1) * width))} />)}
    </div>
  );
}

function One({ message, close }: { message: Message; close: () => void }) {
  const clock = useInstant();
  const text = message.problem || JSON.stringify(message.record, null, 2);
  return (
    <aside className="panel" aria-label={`Record ${message.place}`}>
      <header>
        <div className="row">
          <h2>{message.topic} <span className="mono">{message.place}</span></h2>
          <button className="button plain" type="button" aria-label="Close" onClick={close}>✕</button>
        </div>
        <p className="muted">{clock(message.appended_ms, { date: true, ms: true })}</p>
      </header>
      {message.problem && <div className="warn error"><b>cannot be decoded</b><span>{message.problem}</span></div>}
      <dl className="facts">
        <dt>Key</dt><dd className="mono">{message.key ?? "none"}</dd>
        <dt>Schema id</dt><dd className="mono">{message.schema_id ?? "none"}</dd>
        {Object.entries(message.headers).map(([name, value]) => (
          <div key={name} style={{ display: "contents" }}><dt>{name}</dt><dd className="mono">{value}</dd></div>
        ))}
      </dl>
      <section>
        <div className="row">
          <h3 className="grow">Record</h3>
          <button className="button plain" type="button" onClick={() => copy(text)}>Copy as JSON</button>
        </div>
        <pre style={{ maxHeight: "none" }}>{text}</pre>
      </section>
      <div className="row wrap">
        <To view="lineage" item={message.topic}>In the lineage</To>
        <To view="messages" item={message.topic} query={{ place: message.place }}>Its neighbours</To>
        {message.topic === "quotes.v1" && <To view="quotes" item={message.place}>Explain this quote</To>}
      </div>
    </aside>
  );
}

/** Fields of a kind that reads well in a column. */
function firstFields(records: Message[]): string[] {
  const record = records.find((found) => found.record)?.record ?? {};
  return Object.entries(record).filter(([, value]) => typeof value !== "object").slice(0, 6).map(([name]) => name);
}

function short(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A text once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 300);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
