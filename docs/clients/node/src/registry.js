// Schemas by subject and by id, each asked for once. An id never changes its meaning.

import { typeOf } from './wire.js'

const TRIES = 4

export class Registry {
  #url
  #headers
  #types = new Map()

  /** `user` and `password` only where the registry asks for them. */
  constructor(url, { user, password } = {}) {
    this.#url = url.replace(/\/$/, '')
    this.#headers = user ? { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } : {}
  }

  /** `{ id, type }` to write a topic with: the newest version of its subject. */
  async writer(topic) {
    const found = await this.#ask(`/subjects/${encodeURIComponent(`${topic}-value`)}/versions/latest`)
    const type = typeOf(found.schema)
    this.#types.set(found.id, type)
    return { id: found.id, type }
  }

  /** The type a record was written with. */
  async reader(id) {
    if (!this.#types.has(id)) this.#types.set(id, typeOf((await this.#ask(`/schemas/ids/${id}`)).schema))
    return this.#types.get(id)
  }

  async #ask(path) {
    let why = ''
    for (let attempt = 0; attempt < TRIES; attempt++) {
      if (attempt > 0) await new Promise((done) => setTimeout(done, 100 * 2 ** attempt))
      try {
        const answer = await fetch(this.#url + path, { headers: this.#headers, signal: AbortSignal.timeout(5000) })
        if (answer.ok) return await answer.json()
        why = `status ${answer.status}`
        if (answer.status < 500 && answer.status !== 429) break
      } catch (error) {
        why = error.cause?.message || error.message
      }
    }
    throw new Error(`the schema registry at ${this.#url} gave no answer to ${path} (${why}): check its address`)
  }
}
