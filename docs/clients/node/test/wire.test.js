import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { frame, headersOf, typeOf, unframe } from '../src/wire.js'

const vectors = JSON.parse(readFileSync(new URL('../../vectors.json', import.meta.url)))
const schemaOf = (topic) => readFileSync(new URL(`../../../../avro/${topic}.avsc`, import.meta.url), 'utf8')

for (const { topic, value, record } of vectors.records) {
  test(`a record of ${topic} reads and writes as the services do`, () => {
    const type = typeOf(schemaOf(topic))
    const { schemaId, body } = unframe(Buffer.from(value, 'hex'))
    const read = type.fromBuffer(body)
    assert.equal(schemaId, vectors.schema_id)
    for (const [field, wanted] of Object.entries(record)) {
      const got = typeof read[field] === 'bigint' ? String(read[field]) : read[field]
      assert.deepEqual(got, wanted)
    }
    assert.equal(frame(schemaId, type.toBuffer(read)).toString('hex'), value)
  })
}

test('fields with a default may be left out', () => {
  const type = typeOf(schemaOf('driver-pings.v1'))
  const { record } = vectors.records.find(({ topic }) => topic === 'driver-pings.v1')
  const { free_at_ms: _, ...short } = record
  assert.deepEqual(type.toBuffer(short), type.toBuffer(record))
})

test('a value without a frame is refused', () => {
  for (const value of [null, Buffer.alloc(0), Buffer.from('{}'), Buffer.from([1, 0, 0, 0, 7])]) {
    assert.throws(() => unframe(value), /Confluent frame/)
  }
})

test('headers are those of the services', () => {
  const { id, source, type, time_ms: timeMs, headers } = vectors.headers
  const said = [...headersOf({ id, source, type, timeMs })].map((pair) => pair.map(String))
  assert.deepEqual(Object.fromEntries(said), headers)
})
