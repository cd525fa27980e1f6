import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Answers } from '../src/answers.js'
import { NoAnswer } from '../src/waiting.js'
import { frame } from '../src/wire.js'

const SHORT_MS = 20
const LONG_MS = 5000
const jsonType = { fromBuffer: (body) => JSON.parse(body) }
const nobodyHears = async () => {}

/** Answers whose records are JSON in a Confluent frame. */
const answersOf = (reader = async () => jsonType) =>
  new Answers({ reader }, { 'quotes.v1': 'request_id', 'booking-decisions.v1': 'ride_id' })
const question = (id, rider = 'rider') => ({ topic: 'quotes.v1', rider, id })
const record = (rider, value) => ({ topic: 'quotes.v1', key: Buffer.from(rider), value })
const quoted = (id, { rider = 'rider', amount = 1 } = {}) =>
  record(rider, frame(7, Buffer.from(JSON.stringify({ request_id: id, amount }))))

test('the answer of an id goes to who asked, whoever else was answered before', async () => {
  const answers = answersOf()
  const asked = answers.awaited(question('a'), nobodyHears, LONG_MS)
  await answers.read([quoted('a', { rider: 'another' }), quoted('b'), quoted('a'), quoted('a', { amount: 2 })])
  assert.deepEqual(await asked, { request_id: 'a', amount: 1 })
})

test('a stream that fails fails all who wait and all who ask afterwards', async () => {
  const answers = answersOf()
  async function* broken() {
    throw new Error('the broker is gone')
  }
  const asked = assert.rejects(answers.awaited(question('a'), nobodyHears, LONG_MS), /broker is gone/)
  await answers.read(broken())
  await asked
  await assert.rejects(answers.awaited(question('b'), nobodyHears, LONG_MS), /broker is gone/)
})
