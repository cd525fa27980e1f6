import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain, money } from '../src/explain.js'

const priced = {
  outcome: 'PRICED',
  product: 'xl',
  currency: 'USD',
  amount_minor: 8741,
  multiplier_hundredths: 120,
  now_ms: 1000,
  valid_until_ms: 121_000,
  breakdown: [{ code: 'base', amount_minor: 8741 }],
  reasons: [{ code: 'rate-limit', before_hundredths: 100, after_hundredths: 120 }],
  fallback: 'no-model'
}

test('a price shows its lines, its lock and its reasons', () => {
  assert.deepEqual(explain(priced).split('\n'), [
    '87.41 USD for xl, 1.20x, locked for 120 s',
    '  base          87.41 USD',
    '  because rate-limit: 1.00x to 1.20x',
    '  fallback no-model'
  ])
})

test('a refusal shows its code, a late answer that it is late, a newer outcome its name', () => {
  assert.equal(explain({ outcome: 'REFUSED', refusal: 'too-far' }), 'refused: too-far')
  assert.match(explain({ outcome: 'EXPIRED' }), /after the deadline/)
  assert.match(explain({ outcome: 'WAITLISTED' }), /WAITLISTED is not known/)
})

test('each currency has its own number of digits', () => {
  assert.deepEqual([money(1234, 'USD'), money(500, 'JPY'), money(1500, 'KWD')], ['12.34 USD', '500 JPY', '1.500 KWD'])
})

test('digits are those of ISO 4217, by which the services count, whatever people use', () => {
  const shown = [money(125_000, 'PKR'), money(125_000, 'IDR'), money(1500, 'IQD'), money(500, 'CLP'), money(1234, '')]
  assert.deepEqual(shown, ['1250.00 PKR', '1250.00 IDR', '1.500 IQD', '500 CLP', '12.34 '])
})
