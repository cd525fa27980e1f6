// A quote for people: the price first, then how it is made up, how long it holds, and why it is what it is.

const hundredths = (value) => `${(value / 100).toFixed(2)}x`

// The services count minor units by ISO 4217 (pricing/rules/currencies.py). Intl leaves out what nobody pays in, as of PKR.
const NO_DIGITS = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'
const THREE_DIGITS = 'BHD IQD JOD KWD LYD OMR TND'
const DIGITS = new Map([[0, NO_DIGITS], [3, THREE_DIGITS]].flatMap(([n, codes]) => codes.split(' ').map((code) => [code, n])))

/** `amountMinor` in the currency's major unit, such as "12.34 USD"; a currency that is not of the list has two digits. */
export function money(amountMinor, currency) {
  const digits = DIGITS.get(currency) ?? 2
  return `${(amountMinor / 10 ** digits).toFixed(digits)} ${currency}`
}

/** The lines to show for any answer. */
export function explain(quote) {
  if (quote.outcome === 'REFUSED') return `refused: ${quote.refusal}`
  if (quote.outcome === 'EXPIRED') return 'expired: the answer came after the deadline'
  if (quote.outcome !== 'PRICED') return `outcome ${quote.outcome} is not known to this version`
  const lockedS = Math.round((quote.valid_until_ms - quote.now_ms) / 1000)
  return [
    `${money(quote.amount_minor, quote.currency)} for ${quote.product}, ` +
      `${hundredths(quote.multiplier_hundredths)}, locked for ${lockedS} s`,
    ...quote.breakdown.map((line) => `  ${line.code.padEnd(14)}${money(line.amount_minor, quote.currency)}`),
    ...quote.reasons.map(
      (why) => `  because ${why.code}: ${hundredths(why.before_hundredths)} to ${hundredths(why.after_hundredths)}`
    ),
    ...(quote.fallback ? [`  fallback ${quote.fallback}`] : [])
  ].join('\n')
}
