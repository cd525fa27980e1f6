import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../src/example.js', import.meta.url))
const NO_SERVERS = { ...process.env, FARETIDE_BOOTSTRAP: '', FARETIDE_REGISTRY_URL: '' }

/** The program without servers: it cannot come further than to ask for them. */
const run = (...given) => spawnSync(process.execPath, [PROGRAM, ...given], { encoding: 'utf8', env: NO_SERVERS })

const WRONG = [
  ['--pickupp', '1,1'],
  ['--timeout', 'abc'],
  ['--timeout', '2.0005'],
  ['--timeout', '0'],
  ['--timeout', '31'],
  ['--timeout=-1'],
  ['--pickup', 'foo'],
  ['--pickup', '40.7'],
  ['--pickup', '40.7,'],
  ['--pickup', '40.7,-73.9,5'],
  ['--dropoff', '91,0'],
  ['--dropoff', '0,181']
]

for (const given of WRONG) {
  test(`${given.join(' ')} is wrong use`, () => {
    const { status, stderr } = run(...given)
    assert.equal(status, 2)
    assert.ok(stderr.includes(given[0].split('=')[0]), stderr)
    assert.equal(stderr.split('\n').length, 2)
  })
}

test('what makes sense is not refused', () => {
  const { stderr } = run('--timeout', '2.005', '--pickup=-33.9, 151.2', '--dropoff', '90,-180', '--product', 'xl')
  assert.match(stderr, /^set FARETIDE_BOOTSTRAP/)
})
