// A topic's schema: the fields this version writes, and what changed between any two versions the registry holds.
import { useState } from "react";
import { compared, type Field } from "../schema";
import { useAnswer } from "../use";

interface Version { version: number; id: number; schema: { fields: Field[] } }
interface Said { schema_id: number | null; versions: Version[]; compatibility: string; faults: string[]; schema: { fields: Field[] } }

export function Schema({ topic }: { topic: string }) {
  const [open, setOpen] = useState(false);
  const answer = useAnswer<Said>(open ? "schema" : null, { topic });
  const said = answer.value;
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary><b>Schema</b></summary>
      {answer.state === "failed" && <p className="warn">{answer.sentence}</p>}
      {said && (
        <div className="stack" style={{ paddingTop: 8 }}>
          <p className="muted">Written with id {said.schema_id ?? "none"}; {said.versions.length} {said.versions.length === 1 ? "version" : "versions"}, {said.compatibility}</p>
          {said.faults.map((fault) => <p className="warn error" key={fault}>{fault}</p>)}
          <Versions versions={said.versions} written={said.schema} />
        </div>
      )}
    </details>
  );
}

function Versions({ versions, written }: { versions: Version[]; written: { fields: Field[] } }) {
  const newest = versions.at(-1);
  const [older, setOlder] = useState(versions.at(-2)?.version ?? newest?.version ?? 0);
  const [newer, setNewer] = useState(newest?.version ?? 0);
  const fields = (version: number) => versions.find((one) => one.version === version)?.schema.fields ?? written.fields;
  const choice = (label: string, value: number, set: (version: number) => void) => (
    <select className="field" aria-label={label} value={value} onChange={(event) => set(Number(event.target.value))}>
      {versions.map((one) => <option key={one.version} value={one.version}>version {one.version}, id {one.id}</option>)}
    </select>
  );
  const lines = compared(fields(older), fields(newer));
  const differing = lines.filter((line) => line.how !== "same").length;
  return (
    <>
      {versions.length > 1 && <div className="row wrap">{choice("From version", older, setOlder)}<span>to</span>{choice("To version", newer, setNewer)}</div>}
      {versions.length > 1 && <p className="muted" data-figure="schema-diff">{differing ? `${differing} ${differing === 1 ? "field differs" : "fields differ"}` : "No field differs"}</p>}
      <div className="diff">
        {lines.map((line) => (
          <span key={line.name} className={line.how} title={line.doc}>
            {{ same: "  ", added: "+ ", removed: "− ", changed: "~ " }[line.how]}{line.name}: {line.was && `${line.was} → `}{line.type}
          </span>
        ))}
      </div>
    </>
  );
}
