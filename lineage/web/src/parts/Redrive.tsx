// Dead letters back into their topics: checked first and told what would happen, then put back, with an audit row each.
import { useEffect, useState } from "react";
import { count } from "../format";
import { order } from "../use";
import { Close, Empty, To } from "./basics";

interface Refused { letter: string; field: string; rule: string; sentence: string }
interface Told {
  ready: string[];
  edited: number;
  refused: Refused[];
  gone: number;
  redrive_id: string;
  published: { letter: string; place: string }[];
  failed: { letter: string; sentence: string }[];
}
interface Letter { letter: string; topic: string; record: Record<string, unknown> | null; problem: string; sentence?: string; rule: string; field: string }

/** `letters` are places such as `driver-pings.v1.dlq@0@17`; one alone may be edited before. */
export function Redrive({ letters, close }: { letters: string[]; close: () => void }) {
  const [letter, setLetter] = useState<Letter | null>(null);
  const [text, setText] = useState("");
  const [told, setTold] = useState<Told | null>(null);
  const [reason, setReason] = useState("");
  const [sentence, setSentence] = useState("");
  const [busy, setBusy] = useState(false);
  const alone = letters.length === 1 ? letters[0]! : null;
  const original = letter?.record ? JSON.stringify(letter.record, null, 2) : "";

  const ask = async (yes: boolean, record = text) => {
    setBusy(true);
    setSentence("");
    try {
      const edits = alone && record !== original && record.trim() ? { [alone]: JSON.parse(record) as unknown } : {};
      setTold(await order<Told>("redrive", { letters, edits, reason, yes }));
    } catch (error) {
      setSentence(error instanceof SyntaxError ? `The record is no JSON: ${error.message}` : (error as Error).message);
    }
    setBusy(false);
  };
  useEffect(() => {
    setTold(null);
    setLetter(null);
    const begin = async () => {
      if (!alone) return ask(false);
      const found = await order<Letter>("letter", { letter: alone });
      const record = found.record ? JSON.stringify(found.record, null, 2) : "";
      setLetter(found);
      setText(record);
      setTold(await order<Told>("redrive", { letters, yes: false }));
    };
    begin().catch((error: Error) => setSentence(error.message));
  }, [letters.join()]);

  const topic = (alone ?? letters[0]!).split("@")[0]!.replace(/\.dlq$/, "");
  return (
    <aside className="panel" aria-label="Put back dead letters">
      <header>
        <div className="row">
          <h2>Put back {letters.length === 1 ? "one record" : `${letters.length} records`}</h2>
          <Close onClose={close} />
        </div>
        <p className="muted">Into {topic}, checked against the current schema and the workers' own rules. Key, headers and event time stay; every record has an audit row first.</p>
      </header>
      {letter && (
        <>
          <div className="warn error"><b>{letter.rule}{letter.field && `, ${letter.field}`}</b><span>{letter.sentence || letter.problem}</span></div>
          <label className="stack">
            <b>Record</b>
            <textarea className="field mono" rows={14} spellCheck={false} value={text} placeholder="The value cannot be decoded: write its fields as JSON" onChange={(event) => setText(event.target.value)} />
          </label>
        </>
      )}
      {sentence && <p className="warn error" role="alert">{sentence}</p>}
      {!told && !sentence && <Empty title="Checking" />}
      {told && (told.redrive_id ? <Done told={told} topic={topic} /> : <Would told={told} />)}
      {!told?.redrive_id && (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            void ask(true);
          }}
        >
          <input className="field" aria-label="Reason, for the audit" placeholder="Reason, for the audit" value={reason} onChange={(event) => setReason(event.target.value)} />
          <div className="row">
            <button className="button" type="button" disabled={busy} onClick={() => ask(false)}>Check again</button>
            <button className="button primary" type="submit" disabled={busy || !told?.ready.length || !reason.trim()}>Put back {count(told?.ready.length ?? 0)}</button>
          </div>
        </form>
      )}
    </aside>
  );
}

function Would({ told }: { told: Told }) {
  return (
    <section>
      <h3>What would happen</h3>
      <p data-figure="would">{count(told.ready.length)} would be taken{told.edited > 0 && `, ${count(told.edited)} of them edited`}; {count(told.refused.length)} would be refused.{told.gone > 0 && ` ${count(told.gone)} are no longer kept.`}</p>
      {told.refused.slice(0, 20).map((one) => (
        <div key={one.letter} className="warn"><b>{one.rule}{one.field && `, ${one.field}`}</b><span>{one.sentence}</span></div>
      ))}
    </section>
  );
}

function Done({ told, topic }: { told: Told; topic: string }) {
  return (
    <section role="status">
      <h3>Put back as {told.redrive_id}</h3>
      <ul className="plain">
        {told.published.map((one) => (
          <li key={one.letter}>{one.letter.split("@").slice(1).join("@")} is now <To view="messages" item={topic} query={{ place: one.place }} className="mono">{topic} {one.place}</To></li>
        ))}
      </ul>
      {told.failed.map((one) => <div key={one.letter} className="warn error"><b>{one.letter}</b><span>{one.sentence}</span></div>)}
    </section>
  );
}
