// Three drivers ping, a rider asks what a ride costs, accepts, and hears whether the booking stands.
//
//   FARETIDE_BOOTSTRAP=localhost:9092 FARETIDE_REGISTRY_URL=http://localhost:8081 node src/example.js
//
// Exit codes: 0 booked, 1 failed, 2 wrong use, 5 refused, 6 too late for a price, 7 no answer, 130 stopped.

import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Client, NoAnswer } from './client.js'
import { explain } from './explain.js'

const PINGS_EVERY_MS = 1000
const LONGEST_MS = 30_000 // the services give no request longer

const OPTIONS = {
  pickup: { type: 'string', default: '40.7580,-73.9855' },
  dropoff: { type: 'string', default: '40.6413,-73.7781' },
  product: { type: 'string', default: 'standard' },
  timeout: { type: 'string', default: '10' }
}

async function main() {
  const question = asked()
  if (!question) return 2
  const bootstrap = process.env.FARETIDE_BOOTSTRAP
  const registryUrl = process.env.FARETIDE_REGISTRY_URL
  if (!bootstrap || !registryUrl) {
    console.error('set FARETIDE_BOOTSTRAP and FARETIDE_REGISTRY_URL, such as localhost:9092 and http://localhost:8081')
    return 2
  }
  const client = await Client.open({ bootstrap, registryUrl, source: 'node-example' })
  const stopped = new Promise((resolve) => ['SIGINT', 'SIGTERM'].forEach((name) => process.once(name, () => resolve(130))))
  const pinging = setInterval(() => drive(client, question.pickup).catch(() => {}), PINGS_EVERY_MS)
  try {
    await drive(client, question.pickup)
    return await Promise.race([ride(client, question), stopped])
  } finally {
    clearInterval(pinging)
    await client.close()
  }
}

/** What the command line says; undefined, and why on standard error, if it makes no sense. */
function asked() {
  try {
    const { pickup, dropoff, product, timeout } = parseArgs({ options: OPTIONS }).values
    return {
      pickup: place(pickup, '--pickup'),
      dropoff: place(dropoff, '--dropoff'),
      product,
      deadlineMs: milliseconds(timeout, '--timeout')
    }
  } catch (error) {
    console.error(error.message)
  }
}

/** Latitude and longitude in degrees. */
function place(text, option) {
  const parts = text.split(',')
  const [lat, lon] = parts.map((part) => (part.trim() ? Number(part) : NaN)) // Number('') is 0
  if (parts.length === 2 && Math.abs(lat) <= 90 && Math.abs(lon) <= 180) return [lat, lon]
  throw new Error(`${option} must be LAT,LON in degrees such as 40.7580,-73.9855, got '${text}'`)
}

/** Seconds as whole milliseconds, which is what a deadline is in. */
function milliseconds(text, option) {
  const ms = /^\d+(\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : NaN
  if (ms >= 100 && ms <= LONGEST_MS) return ms
  throw new Error(`${option} must be 0.1 to ${LONGEST_MS / 1000} seconds with at most three decimals, got '${text}'`)
}

/** Three idle cars near the pickup say where they are. A ping that got lost is made good by the next one. */
async function drive(client, [lat, lon]) {
  const cars = ['a', 'b', 'c'].map((name, place) => ({
    driver_id: `node-driver-${name}`,
    at_ms: Date.now(),
    lat: lat + place / 1000,
    lon,
    status: 'IDLE',
    products: ['standard', 'xl']
  }))
  await Promise.all(cars.map((ping) => client.ping(ping)))
}

async function ride(client, { pickup, dropoff, product, deadlineMs }) {
  const request = {
    request_id: randomUUID(),
    rider_id: `node-rider-${randomUUID()}`,
    at_ms: Date.now(),
    pickup_lat: pickup[0],
    pickup_lon: pickup[1],
    dropoff_lat: dropoff[0],
    dropoff_lon: dropoff[1],
    product
  }
  const quote = await client.quote(request, { deadlineMs })
  console.log(explain(quote))
  if (quote.outcome === 'REFUSED') return 5
  if (quote.outcome === 'EXPIRED') return 6
  const decision = await client.accept(quote)
  console.log(`booking ${decision.outcome.toLowerCase()}${decision.refusal ? `: ${decision.refusal}` : ''}, ${decision.ride_id}`)
  return decision.outcome === 'ACCEPTED' ? 0 : 5
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error.message)
  process.exitCode = error instanceof NoAnswer ? 7 : 1
}
