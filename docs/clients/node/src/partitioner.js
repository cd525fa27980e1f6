// Where a key goes: murmur2 with Kafka's seed, as Java clients and the services place it.

const MIX = 0x5bd1e995

/** 32-bit MurmurHash2 of a Buffer, unsigned. */
export function murmur2(data) {
  const whole = data.length & ~3
  let hash = 0x9747b28c ^ data.length
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(data.readInt32LE(at), MIX)
    word = Math.imul(word ^ (word >>> 24), MIX)
    hash = Math.imul(hash, MIX) ^ word
  }
  const rest = data.length - whole
  if (rest > 0) hash = Math.imul(hash ^ data.readUIntLE(whole, rest), MIX)
  hash = Math.imul(hash ^ (hash >>> 13), MIX)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** The partition of `count` that `key` (a string, as UTF-8) belongs to. */
export function partitionOf(key, count) {
  if (!Number.isInteger(count) || count < 1) throw new RangeError(`count must be positive, got ${count}`)
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % count
}
