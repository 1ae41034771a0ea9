/** Does work when its turn comes; null, undone, where too many wait already. */
type Gate = <T>(work: () => Promise<T>) => Promise<T | null>

/** Opens a gate that lets through `mostAtOnce` pieces of work at the same time, the others in their order. */
export function limitConcurrentRequests(mostAtOnce: number, mostWaiting: number): Gate {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running >= mostAtOnce) {
      if (waiting.length >= mostWaiting) return null
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      // Who waited takes the place over.
      if (next === undefined) running -= 1
      else setImmediate(next)
    }
  }
}
