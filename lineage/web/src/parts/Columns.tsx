// Which fields of the records are columns: chosen from those that the records shown have.
import type { Message } from "./MessagePanel";

export function Columns({ records, shown, setColumns }: { records: Message[]; shown: string[]; setColumns: (names: string) => void }) {
  const fields = Object.keys(records.find((found) => found.record)?.record ?? {});
  const toggle = (name: string) => setColumns((shown.includes(name) ? shown.filter((held) => held !== name) : [...shown, name]).join(","));
  return (
    <details className="menu">
      <summary className="button">Columns, {shown.length}</summary>
      <fieldset>
        <legend className="sr">Columns</legend>
        {fields.map((name) => (
          <label key={name} className="check mono"><input type="checkbox" checked={shown.includes(name)} onChange={() => toggle(name)} /> {name}</label>
        ))}
        <button className="button" type="button" onClick={() => setColumns("")}>As at first</button>
      </fieldset>
    </details>
  );
}

/** Fields of a kind that reads well in a column. */
export function firstFields(records: Message[]): string[] {
  const record = records.find((found) => found.record)?.record ?? {};
  return Object.entries(record).filter(([, value]) => typeof value !== "object").slice(0, 6).map(([name]) => name);
}
