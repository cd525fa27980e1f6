// How values read: short, with their unit, figures of one width.

const rates = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const counts = new Intl.NumberFormat("en");

/** Records a second. */
export function rate(perSecond: number): string {
  if (perSecond >= 10_000) return `${rates.format(perSecond / 1000)}k/s`;
  return `${perSecond >= 100 ? counts.format(Math.round(perSecond)) : rates.format(perSecond)}/s`;
}

export function count(value: number): string {
  return counts.format(value);
}

/** A duration: two figures are enough to act on. */
export function duration(ms: number): string {
  if (ms < 0) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

export function multiplier(hundredths: number): string {
  return `${(hundredths / 100).toFixed(2)}×`;
}

// Digits of ISO 4217, as in pricing/rules/currencies.py. Those of Intl are what people pay in cash: none of HUF, COP or IDR.
const NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(" ");
const THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND".split(" ");

/** An amount in its currency's major unit; one that is no code of three letters is a number and its name. */
export function money(minor: number, currency: string): string {
  if (!currency) return "–";
  const digits = NO_DIGITS.includes(currency) ? 0 : THREE_DIGITS.includes(currency) ? 3 : 2;
  const figures = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const known = /^[A-Z]{3}$/.test(currency);
  const format = new Intl.NumberFormat("en-US", known ? { style: "currency", currency, ...figures } : figures);
  return `${format.format(minor / 10 ** digits)}${known ? "" : ` ${currency}`}`;
}

export type Clock = "utc" | "local";

/** An instant of day, to the second or millisecond; one beyond the calendar, which anybody may write, is its number. */
export function instant(at_ms: number, clock: Clock, options: { ms?: boolean; date?: boolean } = {}): string {
  const at = new Date(at_ms);
  const shifted = clock === "utc" ? at : new Date(at_ms - at.getTimezoneOffset() * 60_000);
  if (Number.isNaN(shifted.getTime())) return String(at_ms);
  const text = shifted.toISOString();
  return `${options.date ? `${text.slice(0, 10)} ` : ""}${text.slice(11, options.ms ? 23 : 19)}`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  return value < 1024 ** 2 ? `${rates.format(value / 1024)} KB` : `${rates.format(value / 1024 ** 2)} MB`;
}

/** A name as people say it: `stale-tick` reads "stale tick". */
export function words(code: string): string {
  return code.replaceAll(/[-_]/g, " ");
}
