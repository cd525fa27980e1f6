import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NoAnswer, untilAnswered, withResolvers } from '../src/waiting.js'

const TIMES = { limitMs: 30, againMs: 10, late: 'no answer' }

test('the deadline of a send that hangs is an error of its own and kills no process', async () => {
  let release
  const hangs = () => new Promise((resolve) => (release = resolve))
  await assert.rejects(untilAnswered(withResolvers(), hangs, TIMES), NoAnswer)
  release()
})

test('a send that fails is repeated, and its failure is told if none gets through', async () => {
  let sent = 0
  const fails = async () => {
    sent += 1
    throw new Error('no broker')
  }
  await assert.rejects(untilAnswered(withResolvers(), fails, TIMES), /no broker/)
  assert.ok(sent > 1)
})

for (const [what, fails] of [['before', [1]], ['after', [2, 3, 4]]]) {
  test(`a send that failed ${what} another got through is no reason: nobody answered`, async () => {
    let sent = 0
    const mixed = async () => {
      sent += 1
      if (fails.includes(sent)) throw new Error('no broker')
    }
    await assert.rejects(untilAnswered(withResolvers(), mixed, TIMES), NoAnswer)
    assert.ok(sent > 1)
  })
}

test('an answer ends it', async () => {
  const answer = withResolvers()
  const sends = async () => answer.resolve('priced')
  assert.equal(await untilAnswered(answer, sends, TIMES), 'priced')
})
