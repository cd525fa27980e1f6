// What each service took in, refused and wrote, and whether that can be.

export interface AuditRow { service: string; topic: string; moved: number; taken: number; missing: number; waiting: number; refused: number; late: number }
export interface OutRow { service: string; topic: string; written: number }
export interface Stage { service: string; in: number; refused: number; late: number; out: number; merged: number; wrong: string }

/** Every request has exactly one answer: this service merges nothing. */
const ONE_TO_ONE: Record<string, [string, string]> = { quotes: ["quote-requests.v1", "quotes.v1"] };
/** Records that may be between being read and being written when both are told. */
const UNDER_WAY = 50;

/** One line per service: in = refused + late + out + merged; merging makes fewer records of many, and never more of them. */
export function stages(audit: readonly AuditRow[], outs: readonly OutRow[]): Stage[] {
  const services = [...new Set([...audit, ...outs].map((row) => row.service))].sort();
  return services.map((service) => {
    const rule = ONE_TO_ONE[service];
    const taken = audit.filter((row) => row.service === service && (!rule || row.topic === rule[0]));
    const written = outs.filter((row) => row.service === service && !row.topic.endsWith(".dlq") && (!rule || row.topic === rule[1]));
    const sum = (values: number[]) => values.reduce((all, value) => all + value, 0);
    const stage = { service, in: sum(taken.map((row) => row.taken)), refused: sum(taken.map((row) => row.refused)), late: sum(taken.map((row) => row.late)), out: sum(written.map((row) => row.written)) };
    const merged = stage.in - stage.refused - stage.late - stage.out;
    const wrong = rule && Math.abs(merged) > Math.max(UNDER_WAY, stage.in / 100) ? (merged > 0 ? "requests without an answer" : "more answers than requests") : "";
    return { ...stage, merged, wrong };
  });
}
