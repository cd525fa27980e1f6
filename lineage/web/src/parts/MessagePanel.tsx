// One record whole: where it stands, its headers, its fields, or its bytes with the reason why there are none.
import { Close, Copy, To } from "./basics";
import { useInstant } from "../stored";

export interface Message {
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
  raw?: string;
}

interface PanelProps { message: Message; close: () => void; redrive: (() => void) | null }

export function MessagePanel({ message, close, redrive }: PanelProps) {
  const clock = useInstant();
  const text = message.record === null ? (message.raw ?? "") : JSON.stringify(message.record, null, 2);
  return (
    <aside className="panel" aria-label={`Record ${message.place}`}>
      <header>
        <div className="row">
          <h2>{message.topic} <span className="mono">{message.place}</span></h2>
          <Close onClose={close} />
        </div>
        <p className="muted">{clock(message.appended_ms, { date: true, ms: true })}</p>
      </header>
      {message.problem && <div className="warn error"><b>cannot be decoded</b><span>{message.problem}</span></div>}
      {redrive && <button className="button primary" type="button" onClick={redrive}>Edit and put back</button>}
      <dl className="facts">
        <dt>Key</dt><dd className="mono">{message.key ?? "none"}</dd>
        <dt>Schema id</dt><dd className="mono">{message.schema_id ?? "none"}</dd>
        {Object.entries(message.headers).map(([name, value]) => (
          <div key={name} style={{ display: "contents" }}><dt>{name}</dt><dd className="mono">{value}</dd></div>
        ))}
      </dl>
      <section>
        <div className="row">
          <h3 className="grow">{message.record === null ? "Bytes" : "Record"}</h3>
          <Copy text={text} className="button plain">{message.record === null ? "Copy the bytes" : "Copy as JSON"}</Copy>
        </div>
        <pre tabIndex={0} style={{ maxHeight: "none" }}>{text || "an empty value"}</pre>
      </section>
      <div className="row wrap">
        <To view="lineage" item={message.topic}>In the lineage</To>
        <To view="messages" item={message.topic} query={{ place: message.place }}>Its neighbours</To>
        {message.topic === "quotes.v1" && <To view="quotes" item={message.place}>Explain this quote</To>}
      </div>
    </aside>
  );
}
