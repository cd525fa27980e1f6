// One producer and one consumer for any number of riders and drivers.
//
//   open ─> stand at the end of quotes and decisions ─> publish ─> the answer of the same correlation id
//
// Standing comes first, so no answer slips by. A request is sent again under the same id until its deadline: the services
// answer an id once, so a repetition costs nothing and never makes a second quote.

import { randomUUID } from 'node:crypto'
import { Consumer, Producer } from '@platformatic/kafka'
import { Answers } from './answers.js'
import { partitionOf } from './partitioner.js'
import { Registry } from './registry.js'
import { NoAnswer } from './waiting.js'
import { frame, headersOf } from './wire.js'

const PINGS = 'driver-pings.v1'
const REQUESTS = 'quote-requests.v1'
const RIDE_EVENTS = 'ride-events.v1'
const QUOTES = 'quotes.v1'
const DECISIONS = 'booking-decisions.v1'
const ANSWER_IDS = { [QUOTES]: 'request_id', [DECISIONS]: 'ride_id' }
const GRACE_MS = 1000 // how long an answer may travel after the deadline by which it was decided

export { NoAnswer }

export class Client {
  #source
  #registry
  #writers = new Map()
  #partitions = new Map()
  #producer
  #consumer
  #stream
  #reading
  #answers

  /** Connect. `tls` and `sasl` are those of @platformatic/kafka; `source` names this program in `ce_source`. */
  static async open({ bootstrap, registryUrl, source, tls, sasl, registryUser, registryPassword }) {
    const client = new Client()
    client.#source = source
    client.#registry = new Registry(registryUrl, { user: registryUser, password: registryPassword })
    client.#answers = new Answers(client.#registry, ANSWER_IDS, { saidOnce: [QUOTES] })
    const shared = { clientId: source, bootstrapBrokers: bootstrap.split(','), retries: 3, timeout: 5000, tls, sasl }
    client.#producer = new Producer({ ...shared, acks: -1, idempotent: true })
    client.#consumer = new Consumer({ ...shared, groupId: `${source}-${randomUUID()}` })
    try {
      await client.#start()
    } catch (error) {
      await client.close()
      throw new Error(`${bootstrap} cannot be used: ${rootOf(error).message}`, { cause: error })
    }
    return client
  }

  async #start() {
    const known = await this.#producer.metadata({ topics: [PINGS, REQUESTS, RIDE_EVENTS, QUOTES, DECISIONS] })
    for (const [name, topic] of known.topics) this.#partitions.set(name, topic.partitionsCount)
    for (const topic of [PINGS, REQUESTS, RIDE_EVENTS]) this.#writers.set(topic, await this.#registry.writer(topic))
    const topics = [QUOTES, DECISIONS]
    const ends = await this.#consumer.listOffsets({ topics })
    const offsets = topics.flatMap((topic) => ends.get(topic).map((offset, partition) => ({ topic, partition, offset })))
    // The group is this process's own and commits nothing: every process reads all answers it may wait for.
    this.#stream = await this.#consumer.consume({ topics, mode: 'manual', offsets, autocommit: false, maxWaitTime: 100 })
    this.#reading = this.#answers.read(this.#stream)
  }

  /** Publish a driver's ping; resolves when all in-sync replicas have it. */
  async ping(ping) {
    await this.#publish(PINGS, ping.driver_id, `${ping.driver_id}-${ping.at_ms}`, 'DriverPinged', ping)
  }

  /**
   * The one answer to a request: `outcome` is PRICED, REFUSED (see `refusal`) or EXPIRED.
   * Throws NoAnswer when nobody answered by `deadlineMs` from now. Ask again with the same id: an answer that came
   * meanwhile is returned.
   */
  async quote(request, { deadlineMs = 10_000 } = {}) {
    const asked = { ...request, deadline_ms: request.deadline_ms ?? Date.now() + deadlineMs }
    const send = () => this.#publish(REQUESTS, asked.rider_id, asked.request_id, 'QuoteRequested', asked)
    const question = { topic: QUOTES, rider: asked.rider_id, id: asked.request_id }
    return this.#answers.awaited(question, send, deadlineMs + GRACE_MS)
  }

  /** Whether the booking stands. Accepting again for the same ride gets the same decision. */
  async accept(quote, { rideId = `ride-${randomUUID()}`, deadlineMs = 10_000 } = {}) {
    if (quote.outcome !== 'PRICED') throw new Error(`quote must be PRICED to be accepted, got ${quote.outcome}`)
    const event = {
      event_id: `${rideId}-accepted`,
      rider_id: quote.rider_id,
      ride_id: rideId,
      kind: 'QUOTE_ACCEPTED',
      at_ms: Date.now(),
      quote_id: quote.quote_id,
      amount_minor: quote.amount_minor,
      currency: quote.currency
    }
    const send = () => this.#publish(RIDE_EVENTS, event.rider_id, event.event_id, 'RideEventHappened', event)
    return this.#answers.awaited({ topic: DECISIONS, rider: quote.rider_id, id: rideId }, send, deadlineMs)
  }

  /** Stop reading, let what was handed over be written, disconnect. Those who still wait are told. */
  async close() {
    this.#answers.rejectAll(new Error('the client was closed while an answer was awaited'))
    await this.#stream?.close()
    await this.#reading
    await this.#consumer.close(true)
    await this.#producer.close()
  }

  async #publish(topic, key, id, type, record) {
    const { id: schemaId, type: avro } = this.#writers.get(topic)
    const message = {
      topic,
      key: Buffer.from(key),
      value: frame(schemaId, avro.toBuffer(record)),
      headers: headersOf({ id, source: this.#source, type, timeMs: record.at_ms }),
      partition: partitionOf(key, this.#partitions.get(topic))
    }
    try {
      await this.#producer.send({ messages: [message] })
    } catch (error) {
      throw new Error(`publishing to ${topic} failed: ${rootOf(error).message}`, { cause: error })
    }
  }
}

/** The first cause of an error that stands for several. */
function rootOf(error) {
  return error.errors?.length ? rootOf(error.errors[0]) : error
}
