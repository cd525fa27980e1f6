// Avro schemas as lists of fields, and what one version has that another has not.

export interface Field { name: string; type: unknown; doc?: string; default?: unknown }
export interface Line { name: string; type: string; doc: string; how: "same" | "added" | "removed" | "changed"; was: string }

/** Fields of both versions, in the order of the newer, removed ones last. */
export function compared(older: Field[], newer: Field[]): Line[] {
  const before = new Map(older.map((field) => [field.name, field]));
  const after = new Set(newer.map((field) => field.name));
  const lines = newer.map((field): Line => {
    const old = before.get(field.name);
    const changed = old !== undefined && (typed(old.type) !== typed(field.type) || JSON.stringify(old.default) !== JSON.stringify(field.default));
    return { ...named(field), how: old === undefined ? "added" : changed ? "changed" : "same", was: old && changed ? withDefault(old) : "" };
  });
  return [...lines, ...older.filter((field) => !after.has(field.name)).map((field): Line => ({ ...named(field), how: "removed", was: "" }))];
}

function named(field: Field): { name: string; type: string; doc: string } {
  return { name: field.name, type: withDefault(field), doc: field.doc ?? "" };
}

function withDefault(field: Field): string {
  return `${typed(field.type)}${field.default === undefined ? "" : `, else ${JSON.stringify(field.default)}`}`;
}

/** A type in words. */
export function typed(type: unknown): string {
  if (typeof type === "string") return type.replace("faretide.", "");
  if (Array.isArray(type)) return type.map(typed).join(" or ");
  const object = type as { type: string; items?: unknown; name?: string; values?: unknown; fields?: Field[] };
  if (object.type === "array") return `list of ${typed(object.items)}`;
  if (object.type === "map") return `map of ${typed(object.values)}`;
  if (object.fields) return `${object.name} (${object.fields.map((field) => field.name).join(", ")})`;
  return (object.name ?? object.type).replace("faretide.", "");
}
