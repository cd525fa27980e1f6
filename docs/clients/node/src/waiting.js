// A request is sent at once and again until it is answered or its time is over.

/** Nobody answered in time. Asking again with the same id is safe. */
export class NoAnswer extends Error {}

/**
 * What `answer.promise` resolves to. After `limitMs` it is rejected with NoAnswer saying `late`, or with the last failure of
 * `send` if none got through; also while a send hangs, so nothing but the answer is awaited here.
 */
export async function untilAnswered(answer, send, { limitMs, againMs, late }) {
  let gotThrough = false
  let lastFailure
  const why = () => (lastFailure && !gotThrough ? lastFailure : new NoAnswer(late))
  const limit = setTimeout(() => answer.reject(why()), limitMs)
  // A send that failed is repeated like one that was not answered. Once one got through, no failure is the reason any more.
  const trySend = () =>
    send().then(
      () => (gotThrough = true),
      (error) => (lastFailure = error)
    )
  const again = setInterval(trySend, againMs)
  try {
    trySend()
    return await answer.promise
  } finally {
    clearTimeout(limit)
    clearInterval(again)
  }
}

/** A promise with its two ends. */
export function withResolvers() {
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}
