import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** Many hosts in one server, each on a loopback address of its own; it watches how they are asked. */
export type ManyHosts = {
  /** The feed's address on the host of this number. */
  readonly url: (host: number, path?: string) => string
  /** Hosts of these numbers take requests and answer none. */
  readonly silence: (hosts: readonly number[]) => void
  /** How often a URL was asked for. */
  readonly timesAsked: (url: string) => number
  /** How many requests to silent hosts were given up. */
  readonly givenUp: () => number
  /** Hosts that were asked for one thing while they were being asked for another. */
  readonly overlaps: readonly string[]
  readonly close: () => Promise<void>
}

const ANSWER_AFTER_MS = 5

/** Answers after a moment that nothing has changed, so that tests of many sources need not store many documents. */
export async function startManyHosts(): Promise<ManyHosts> {
  const asked = new Map<string, number>()
  let givenUp = 0
  const underWay = new Map<string, number>()
  const overlaps: string[] = []
  const silent = new Set<string>()
  const hostOf = (number: number) => `127.1.${number >> 8}.${number & 255}`
  const server = createServer(async (request, response) => {
    const host = request.headers.host ?? ''
    const url = `http://${host}${request.url}`
    asked.set(url, (asked.get(url) ?? 0) + 1)
    const others = underWay.get(host) ?? 0
    if (others > 0) overlaps.push(url)
    underWay.set(host, others + 1)
    response.on('close', () => underWay.set(host, (underWay.get(host) ?? 1) - 1))
    if (silent.has(host)) {
      response.on('close', () => {
        givenUp += 1
      })
      return
    }
    await pause(ANSWER_AFTER_MS)
    response.writeHead(304).end()
  })
  await new Promise<void>((listening) => server.listen(0, '0.0.0.0', listening))
  const { port } = server.address() as AddressInfo
  return {
    url: (host, path = '/feed') => `http://${hostOf(host)}:${port}${path}`,
    silence: (hosts) => {
      for (const host of hosts) silent.add(`${hostOf(host)}:${port}`)
    },
    timesAsked: (url) => asked.get(url) ?? 0,
    givenUp: () => givenUp,
    overlaps,
    close: () => {
      server.closeAllConnections()
      return new Promise((closed) => server.close(() => closed()))
    },
  }
}
