import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Answers } from '../src/answers.js'
import { NoAnswer } from '../src/waiting.js'
import { frame } from '../src/wire.js'

const SHORT_MS = 20
const LONG_MS = 5000
const jsonType = { fromBuffer: (body) => JSON.parse(body) }
const IDS = { 'quotes.v1': 'request_id', 'booking-decisions.v1': 'ride_id' }
const nobodyHears = async () => {}

/** Answers whose records are JSON in a Confluent frame. */
const answersOf = ({ reader = async () => jsonType, remembered } = {}) =>
  new Answers({ reader }, IDS, { saidOnce: ['quotes.v1'], remembered })
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

test('an answer that comes after its time is there for who asks again, and nothing is sent', async () => {
  const answers = answersOf()
  await assert.rejects(answers.awaited(question('a'), nobodyHears, SHORT_MS), NoAnswer)
  await answers.read([quoted('b'), quoted('a'), quoted('a', { amount: 2 })])
  let sent = 0
  const send = async () => (sent += 1)
  assert.deepEqual(await answers.awaited(question('a'), send, LONG_MS), { request_id: 'a', amount: 1 })
  assert.deepEqual(await answers.awaited(question('a'), send, LONG_MS), { request_id: 'a', amount: 1 })
  assert.equal(sent, 0)
})

test('an answer that comes while it is asked for again is kept as well', async () => {
  const answers = answersOf()
  await assert.rejects(answers.awaited(question('a'), nobodyHears, SHORT_MS), NoAnswer)
  const asked = answers.awaited(question('a'), nobodyHears, LONG_MS)
  await answers.read([quoted('a')])
  assert.deepEqual(await answers.awaited(question('a'), nobodyHears, SHORT_MS), await asked)
})

test('of ids that were given up only the newest are kept', async () => {
  const answers = answersOf({ remembered: 2 })
  for (const id of ['a', 'b', 'a', 'c']) {
    await assert.rejects(answers.awaited(question(id, `rider-${id}`), nobodyHears, SHORT_MS), NoAnswer)
  }
  await answers.read(['a', 'b', 'c'].map((id) => quoted(id, { rider: `rider-${id}` })))
  const again = (id) => answers.awaited(question(id, `rider-${id}`), nobodyHears, SHORT_MS)
  assert.equal((await again('a')).request_id, 'a')
  await assert.rejects(again('b'), NoAnswer)
  assert.equal((await again('c')).request_id, 'c')
})

test('a decision is not kept: it is said again, and another one for another quote', async () => {
  const answers = answersOf()
  const ride = { topic: 'booking-decisions.v1', rider: 'rider', id: 'ride' }
  await assert.rejects(answers.awaited(ride, nobodyHears, SHORT_MS), NoAnswer)
  await answers.read([{ ...quoted(''), topic: ride.topic, value: frame(7, Buffer.from('{"ride_id":"ride"}')) }])
  await assert.rejects(answers.awaited(ride, nobodyHears, SHORT_MS), NoAnswer)
})

test('who asks for the same id at once gets the same answer, and whose time is over gives up alone', async () => {
  const answers = answersOf()
  const long = [1, 2].map(() => answers.awaited(question('a'), nobodyHears, LONG_MS))
  await assert.rejects(answers.awaited(question('a'), nobodyHears, SHORT_MS), NoAnswer)
  await answers.read([quoted('a')])
  const one = { request_id: 'a', amount: 1 }
  assert.deepEqual(await Promise.all(long), [one, one])
})

test('a record that nobody can read is passed over: those who wait get their answers', async () => {
  const answers = answersOf()
  const asked = answers.awaited(question('a'), nobodyHears, LONG_MS)
  const unreadable = [Buffer.from('junk!!'), null, frame(7, Buffer.from('no JSON')), frame(7, Buffer.from('null'))]
  await answers.read([...unreadable.map((value) => record('rider', value)), quoted('a')])
  assert.equal((await asked).request_id, 'a')
})

test('without the registry only those fail whose record needs it, and who asks again gets what was read since', async () => {
  let away = true
  const reader = async (id) => {
    if (away && id === 8) throw new Error('the registry is away')
    return jsonType
  }
  const answers = answersOf({ reader })
  const fails = assert.rejects(answers.awaited(question('a', 'new'), nobodyHears, LONG_MS), /registry is away/)
  const asked = answers.awaited(question('b'), nobodyHears, LONG_MS)
  const body = Buffer.from('{"request_id":"a"}')
  await answers.read([record('new', frame(8, body)), quoted('b')])
  await fails
  assert.equal((await asked).request_id, 'b')
  const stillAway = answers.awaited(question('a', 'new'), nobodyHears, LONG_MS)
  await assert.rejects(stillAway, /registry is away/)
  away = false
  assert.equal((await answers.awaited(question('a', 'new'), nobodyHears, LONG_MS)).request_id, 'a')
})

test('of records that wait for the registry only the newest are kept', async () => {
  let away = true
  const reader = async () => {
    if (away) throw new Error('the registry is away')
    return jsonType
  }
  const answers = answersOf({ reader, remembered: 1 })
  const fails = assert.rejects(answers.awaited(question('a'), nobodyHears, LONG_MS), /registry is away/)
  await answers.read([quoted('a'), quoted('b')])
  await fails
  away = false
  await assert.rejects(answers.awaited(question('a'), nobodyHears, SHORT_MS), NoAnswer)
})
