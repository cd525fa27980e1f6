// Any topic, decoded: tail it, go back in time or to a place, filter, look at one record whole, put refused ones back.
import { type HTMLAttributes, useCallback, useEffect, useState } from "react";
import { Empty, To } from "../parts/basics";
import { Columns, firstFields } from "../parts/Columns";
import { type Message, MessagePanel } from "../parts/MessagePanel";
import { Redrive } from "../parts/Redrive";
import { REACHES, Volume } from "../parts/Volume";
import { count } from "../format";
import { useHeld, useRows } from "../rows";
import { useInstant } from "../stored";
import { go, useAddress, useAnswer, useBoard, useQuery, useStatus } from "../use";
import { PLACED, useZones } from "../zones";

interface Page {
  records: Message[];
  looked_at: number;
  matching: number;
  partitions: [number, number, number][];
}

/** The span that an address names, if both of its ends are instants. */
function spanOf(from: string, to: string): { from: number; to: number } | null {
  return [from, to].every((instant) => /^\d{1,13}$/.test(instant)) ? { from: Number(from), to: Number(to) } : null;
}

export function Messages({ topic, operator }: { topic: string; operator: boolean }) {
  const graph = useBoard("lineage");
  const names = [...graph.values()].filter((value) => value.kind === "topic").map((value) => value.name as string);
  const chosen = topic || "quotes.v1";
  return <Browser key={chosen} topic={chosen} names={names.length ? names : [chosen]} operator={operator} />;
}

function Browser({ topic, names, operator }: { topic: string; names: string[]; operator: boolean }) {
  const { mode } = useStatus();
  const address = useAddress();
  const [key, setKey] = useQuery("key");
  const [text, setText] = useQuery("text");
  const [partition, setPartition] = useQuery("partition", "-1");
  const [columns, setColumns] = useQuery("columns");
  const [reachName, setReach] = useQuery("reach", "10m");
  const [place] = useQuery("place");
  const span = spanOf(useQuery("from")[0], useQuery("to")[0]);
  const reach = REACHES.find(([name]) => name === reachName)?.[2] ?? REACHES[0][2];
  const zones = useZones();
  const zoned = zones.length > 0 && PLACED.includes(topic);
  const clock = useInstant();
  const instant = mode.kind === "live" ? "" : String(Math.round(mode.at_ms));
  const tailing = !place && !span && mode.kind === "live";
  const query: Record<string, string | number> = { topic, partition, limit: 60, key: useSettled(key), text: useSettled(text), ...(zoned && { zones: zones.join(",") }) };
  if (place) query.place = place;
  else if (span) Object.assign(query, { from_ms: String(span.from), before_ms: String(span.to) });
  else if (instant) query.before_ms = instant;
  const answer = useAnswer<Page>("messages", query, tailing ? 2000 : 0);
  const [open, setOpen] = useState<string | null>(place || null);
  const [picked, setPicked] = useState<string[]>([]);
  const [redriving, setRedriving] = useState<string[] | null>(null);
  useEffect(() => setOpen(place || null), [place]);
  const { rows: records, newer, hold } = useHeld(answer.value?.records ?? [], JSON.stringify(query));
  const at = useRows(records.map((record) => record.place), useCallback((where: string) => setOpen(where), []));
  const opened = records.find((record) => record.place === open);
  const shown = columns ? columns.split(",") : firstFields(records);
  const letters = operator && topic.endsWith(".dlq");
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
          <Columns records={records} shown={shown} setColumns={setColumns} />
          <select className="field narrow-off" aria-label="Time shown by the bars" value={reachName} onChange={(event) => setReach(event.target.value)}>
            {REACHES.map(([name, words]) => <option key={name} value={name}>{words}</option>)}
          </select>
          {letters && <button className="button primary" type="button" disabled={!picked.length} onClick={() => setRedriving(picked)}>Put back {picked.length || ""}</button>}
          {place || span ? <button className="button" type="button" onClick={() => go({ query: { ...address.query, place: "", from: "", to: "" } })}>Newest</button> : null}
          <span className="muted">{tailing ? (newer ? `${count(newer)} newer when the pointer leaves` : "Following the end") : place ? `Around ${place}` : span ? `${clock(span.from)} to ${clock(span.to)}` : `Before ${clock(Number(instant))}`}</span>
        </div>
        <Volume topic={topic} partition={partition} reach={reach} until={mode.kind === "live" ? null : Math.round(mode.at_ms)} chosen={span} live={tailing} onChoose={(chosen) => go({ query: { ...address.query, place: "", from: String(chosen?.from ?? ""), to: String(chosen?.to ?? "") } })} />
        {answer.state === "failed" && !answer.value ? (
          <Empty title="These messages cannot be shown">
            <p>{answer.sentence}</p>
            <To view="messages" item="quotes.v1">Go to quotes.v1</To>
          </Empty>
        ) : !answer.value ? (
          <Empty title="Reading the topic" />
        ) : (
          <>
            <List records={records} shown={shown} open={open} at={at} setOpen={(where) => { setOpen(where); setRedriving(null); }} hold={hold} pick={letters ? { picked, setPicked } : null} />
            <p className="muted foot">
              <span data-figure="matching">{count(answer.value.matching)}</span> of {count(answer.value.looked_at)} looked at{zoned && ` in ${zones.length} ${zones.length === 1 ? "zone" : "zones"}`}, <span data-figure="kept">{count(answer.value.partitions.reduce((sum, [, begin, end]) => sum + end - begin, 0))}</span> kept
            </p>
          </>
        )}
      </div>
      {redriving ? (
        <Redrive letters={redriving.map((where) => `${topic}@${where}`)} close={() => { setRedriving(null); setPicked([]); }} />
      ) : (
        opened && <MessagePanel message={opened} close={() => setOpen(null)} redrive={letters ? () => setRedriving([opened.place]) : null} />
      )}
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
  pick: { picked: string[]; setPicked: (places: string[]) => void } | null;
}

function List({ records, shown, open, at, setOpen, hold, pick }: ListProps) {
  const clock = useInstant();
  if (!records.length) return <Empty title="No record matches">Nothing in the records looked at. An empty topic fills when its writer has something to say.</Empty>;
  const every = records.map((record) => record.place);
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Records">
      <table>
        <thead>
          <tr>
            {pick && <th><input type="checkbox" aria-label="Choose every record shown" checked={pick.picked.length === every.length} onChange={(event) => pick.setPicked(event.target.checked ? every : [])} /></th>}
            <th>Appended</th><th>Place</th><th>Key</th>{shown.map((column) => <th key={column}>{column}</th>)}
          </tr>
        </thead>
        <tbody {...hold}>
          {records.map((record, row) => (
            <tr key={record.place} className={`pick${record.place === open || row === at ? " open" : ""}`} data-at={row === at} onClick={() => setOpen(record.place)}>
              {pick && (
                <td onClick={(event) => event.stopPropagation()}>
                  <input type="checkbox" aria-label={`Choose ${record.place}`} checked={pick.picked.includes(record.place)} onChange={(event) => pick.setPicked(event.target.checked ? [...pick.picked, record.place] : pick.picked.filter((held) => held !== record.place))} />
                </td>
              )}
              <td className="mono">{clock(record.appended_ms, { ms: true })}</td>
              <td className="mono muted"><button className="button plain mono inline" type="button" onClick={() => setOpen(record.place)}>{record.place}</button></td>
              <td className="mono clip" style={{ maxWidth: 180 }}>{record.key}</td>
              {record.problem ? (
                <td colSpan={shown.length}><span className="badge error">{record.problem}</span></td>
              ) : (
                shown.map((column) => <td key={column} className="clip" style={{ maxWidth: 240 }}>{short(column, record.record?.[column], clock)}</td>)
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A field in a cell; instants read as such, not as thirteen digits. */
function short(column: string, value: unknown, clock: (at_ms: number, options?: { ms?: boolean }) => string): string {
  if (value === null || value === undefined) return "";
  if (column.endsWith("_ms") && typeof value === "number" && value > 1e12) return clock(value, { ms: true });
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
