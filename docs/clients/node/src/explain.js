// A quote for people: the price first, then how it is made up, how long it holds, and why it is what it is.

const hundredths = (value) => `${(value / 100).toFixed(2)}x`

/** `amountMinor` in the currency's major unit, such as "12.34 USD"; the currency says how many digits it has. */
export function money(amountMinor, currency) {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits
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
