// Who in this process waits for which answer. Knows nothing of Kafka: a stream is whatever yields records.
//
// An answer that is said once may come when nobody waits for it any more. It is kept for who asks again.

import { untilAnswered, withResolvers } from './waiting.js'
import { unframe } from './wire.js'

const SEND_AGAIN_MS = 2000
const REMEMBERED = 1000

export class Answers {
  #registry
  #idOf
  #saidOnce
  #remembered
  #waiting = new Map() // `topic|rider|id` -> Set of { promise, resolve, reject, rider }
  #givenUp = new Map() // the same name -> { rider, record }, oldest first; no record as long as none came
  #riders = new Map() // rider -> how many answers are awaited or looked out for
  #unread = [] // { rider, message } that wait for the registry
  #failed

  /**
   * `idOf` says by topic which field of an answer has the id that was asked with, `saidOnce` in which topics an answer
   * is not repeated: of those the newest `remembered` ids that were given up are looked out for.
   */
  constructor(registry, idOf, { saidOnce = [], remembered = REMEMBERED } = {}) {
    this.#registry = registry
    this.#idOf = idOf
    this.#saidOnce = new Set(saidOnce)
    this.#remembered = remembered
  }

  /** The answer to `id` of `rider` in `topic`; `send` is repeated until it is there or `limitMs` are over. */
  async awaited({ topic, rider, id }, send, limitMs) {
    const name = `${topic}|${rider}|${id}`
    const kept = this.#givenUp.get(name)?.record
    if (kept) return kept
    if (this.#failed) throw this.#failed
    const answer = this.#enter(name, rider)
    if (this.#givenUp.has(name)) this.#readAgain(rider)
    const late = `no answer to ${id} in ${limitMs} ms: are the services running? The same id may be asked again`
    try {
      return await untilAnswered(answer, send, { limitMs, againMs: SEND_AGAIN_MS, late })
    } catch (error) {
      if (this.#saidOnce.has(topic)) this.#remember(name, rider)
      throw error
    } finally {
      this.#leave(name, rider, answer)
    }
  }

  /** Hand over what the stream yields, until it ends. If the stream fails, so do all who wait or will. */
  async read(stream) {
    try {
      for await (const message of stream) await this.#handOver(message)
    } catch (error) {
      this.#failed = error
      this.rejectAll(error)
    }
  }

  /** Tell all who wait, or those of `which`, that no answer will come. */
  rejectAll(error, which = () => true) {
    for (const waiting of this.#waiting.values()) for (const answer of waiting) if (which(answer)) answer.reject(error)
  }

  async #handOver(message) {
    const rider = message.key?.toString()
    if (!this.#riders.has(rider)) return // somebody else's: not even decoded
    try {
      const { schemaId, body } = unframe(message.value)
      const type = await this.#typeOf(schemaId, rider, message)
      if (type) this.#answer(message.topic, rider, type.fromBuffer(body))
    } catch {
      // Nobody can read this record, now or later. The answer may be another one, so who waits goes on waiting.
    }
  }

  /** The type of a record. If the registry does not tell it, the rider's questions fail and the record is read later. */
  async #typeOf(schemaId, rider, message) {
    try {
      return await this.#registry.reader(schemaId)
    } catch (error) {
      this.#unread.push({ rider, message })
      if (this.#unread.length > this.#remembered) this.#unread.shift()
      this.rejectAll(error, (answer) => answer.rider === rider)
    }
  }

  #answer(topic, rider, record) {
    const name = `${topic}|${rider}|${record[this.#idOf[topic]]}`
    const given = this.#givenUp.get(name)
    if (given) given.record ??= record // the first record is binding
    for (const { resolve } of this.#waiting.get(name) ?? []) resolve(record)
  }

  /** Try once more what the registry was needed for: the answer of a question that is asked again may be among it. */
  async #readAgain(rider) {
    const again = this.#unread.filter((unread) => unread.rider === rider)
    this.#unread = this.#unread.filter((unread) => unread.rider !== rider)
    for (const { message } of again) await this.#handOver(message)
  }

  #enter(name, rider) {
    const answer = { ...withResolvers(), rider }
    this.#waiting.set(name, (this.#waiting.get(name) ?? new Set()).add(answer))
    this.#count(rider, 1)
    return answer
  }

  #leave(name, rider, answer) {
    const waiting = this.#waiting.get(name)
    waiting.delete(answer)
    if (waiting.size === 0) this.#waiting.delete(name)
    this.#count(rider, -1)
  }

  /** Look out for an answer that nobody awaits. What was given up again counts as new. */
  #remember(name, rider) {
    const given = this.#givenUp.get(name) ?? { rider }
    if (!this.#givenUp.delete(name)) this.#count(rider, 1)
    this.#givenUp.set(name, given)
    if (this.#givenUp.size <= this.#remembered) return
    const [oldest, { rider: whose }] = this.#givenUp.entries().next().value
    this.#givenUp.delete(oldest)
    this.#count(whose, -1)
  }

  #count(rider, by) {
    const count = (this.#riders.get(rider) ?? 0) + by
    count > 0 ? this.#riders.set(rider, count) : this.#riders.delete(rider)
  }
}
