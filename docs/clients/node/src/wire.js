// What stands around a record: the Confluent frame of its value, its CloudEvents headers, and Avro longs beyond 2^53.

import avsc from 'avsc'

const FRAME_BYTES = 5

/** `body` framed: a zero byte, the schema id as four bytes (big-endian), the Avro body. */
export function frame(schemaId, body) {
  const head = Buffer.alloc(FRAME_BYTES)
  head.writeInt32BE(schemaId, 1)
  return Buffer.concat([head, body])
}

/** `{ schemaId, body }` of a framed value; throws if it has no frame. */
export function unframe(value) {
  if (!value || value.length < FRAME_BYTES || value[0] !== 0) throw new Error('value must have a Confluent frame')
  return { schemaId: value.readInt32BE(1), body: value.subarray(FRAME_BYTES) }
}

/** The CloudEvents headers of a record, names and values as Buffers. */
export function headersOf({ id, source, type, timeMs }) {
  const said = { ce_id: id, ce_source: source, ce_type: type, ce_time: new Date(timeMs).toISOString() }
  return new Map(Object.entries(said).map((pair) => pair.map((text) => Buffer.from(text))))
}

// Cells and zones are H3 indexes above 2^53: those longs become BigInt, all others stay numbers.
const longs = avsc.types.LongType.__with({
  fromBuffer: (buffer) => {
    const long = buffer.readBigInt64LE()
    const number = Number(long)
    return Number.isSafeInteger(number) ? number : long
  },
  toBuffer: (value) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(BigInt(value))
    return buffer
  },
  fromJSON: Number,
  toJSON: String,
  isValid: (value) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (left, right) => (left < right ? -1 : left > right ? 1 : 0)
})

/** An Avro type from the text of its schema; fields with a default may be left out when writing. */
export function typeOf(schemaText) {
  return avsc.Type.forSchema(JSON.parse(schemaText), { registry: { long: longs }, wrapUnions: false })
}
