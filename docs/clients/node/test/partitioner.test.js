import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { murmur2, partitionOf } from '../src/partitioner.js'

const { partitions } = JSON.parse(readFileSync(new URL('../../vectors.json', import.meta.url)))

for (const vector of partitions) {
  test(`${JSON.stringify(vector.key).slice(0, 30)} goes where the services expect it`, () => {
    assert.equal(murmur2(Buffer.from(vector.key)), vector.murmur2)
    for (const [count, partition] of Object.entries(vector.partition_of)) {
      assert.equal(partitionOf(vector.key, Number(count)), partition)
    }
  })
}

test('a topic without partitions is refused by name', () => {
  assert.throws(() => partitionOf('rider', 0), /count must be positive, got 0/)
})
