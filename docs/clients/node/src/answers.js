// Who in this process waits for which answer. Knows nothing of Kafka: a stream is whatever yields records.

import { untilAnswered, withResolvers } from './waiting.js'
import { unframe } from './wire.js'

const SEND_AGAIN_MS = 2000

export class Answers {
  #registry
  #idOf
  #waiting = new Map() // `topic|rider|id` -> { resolve, reject }
  #riders = new Map() // rider -> how many answers are awaited
  #failed

  /** `idOf` says by topic which field of an answer has the id that was asked with. */
  constructor(registry, idOf) {
    this.#registry = registry
    this.#idOf = idOf
  }

  /** The answer to `id` of `rider` in `topic`; `send` is repeated until it is there or `limitMs` are over. */
  async awaited({ topic, rider, id }, send, limitMs) {
    if (this.#failed) throw this.#failed
    const name = `${topic}|${rider}|${id}`
    const answer = withResolvers()
    this.#waiting.set(name, answer)
    this.#riders.set(rider, (this.#riders.get(rider) ?? 0) + 1)
    const late = `no answer to ${id} in ${limitMs} ms: are the services running? The same id may be asked again`
    try {
      return await untilAnswered(answer, send, { limitMs, againMs: SEND_AGAIN_MS, late })
    } finally {
      this.#waiting.delete(name)
      const left = this.#riders.get(rider) - 1
      left > 0 ? this.#riders.set(rider, left) : this.#riders.delete(rider)
    }
  }

  /** Hand over what the stream yields, until it ends. If it fails, so do all who wait or will. */
  async read(stream) {
    try {
      for await (const message of stream) await this.#handOver(message)
    } catch (error) {
      this.#failed = error
      this.rejectAll(error)
    }
  }

  /** Tell all who wait that no answer will come. */
  rejectAll(error) {
    for (const { reject } of this.#waiting.values()) reject(error)
  }

  async #handOver({ topic, key, value }) {
    const rider = key?.toString()
    if (!this.#riders.has(rider)) return // somebody else's: not even decoded
    const { schemaId, body } = unframe(value)
    const record = (await this.#registry.reader(schemaId)).fromBuffer(body)
    this.#waiting.get(`${topic}|${rider}|${record[this.#idOf[topic]]}`)?.resolve(record)
  }
}
