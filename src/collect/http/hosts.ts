/**
 * Does work for all items, one after another for those of one host, and for several hosts at once.
 * The first error is thrown once the other hosts are done.
 */
export async function eachHostInTurn<T, R>(
  items: readonly T[],
  hostOf: (item: T) => string,
  hostsAtOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const queues = [...Map.groupBy(items, hostOf).values()]
  const results: R[] = []
  const serve = async () => {
    for (let queue = queues.shift(); queue !== undefined; queue = queues.shift()) {
      for (const item of queue) results.push(await work(item))
    }
  }
  const served = await Promise.allSettled(Array.from({ length: hostsAtOnce }, serve))
  const broken = served.find((outcome) => outcome.status === 'rejected')
  if (broken !== undefined) throw broken.reason
  return results
}
