import { createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketHandler, type PGLiteSocketHandlerOptions } from '@electric-sql/pglite-socket'
import { takeTurns } from './session-queue.ts'

/** What `embedded-engine.ts` hands to its worker thread; `mostFiles`: the engine keeps no more open. */
export type WorkerSetup = { readonly folder: string; readonly socket: string; readonly mostFiles: number }
/** What it asks the thread for. */
export type WorkerRequest = 'clients' | 'close'
/** What the thread says back; `clients` answers the question for open connections. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'clients'; readonly count: number }
  | { readonly kind: 'closed' }

const MOST_CLIENTS = 200

const order: WorkerSetup = workerData
const port = parentPort
if (port === null) throw new Error('embedded-worker.ts runs as a worker thread only')
const post = (message: WorkerMessage) => port.postMessage(message)

const database = await PGlite.create(order.folder, {
  startParams: [...PGlite.defaultStartParams, '-c', `max_files_per_process=${order.mostFiles}`],
})
// The option's type is a class that the package does not export; these are all the methods its handler calls.
const turns = takeTurns(database, {
  onPanic: () => void endThread(),
  onExpelled: (client) => {
    for (const handler of clients.values()) if (handler.handlerId === client) void handler.detach(true)
  },
  later: (ms, act) => {
    const timer = setTimeout(act, ms).unref()
    return () => clearTimeout(timer)
  },
})
const queryQueue = turns as unknown as PGLiteSocketHandlerOptions['queryQueue']
/** Each open connection. A handler that breaks off takes all listeners from its socket: no `close` would tell of it. */
const clients = new Map<Socket, PGLiteSocketHandler>()
const server = createServer(async (socket) => {
  const handler = new PGLiteSocketHandler({ queryQueue, closeOnDetach: true })
  forgetGone()
  clients.set(socket, handler)
  await handler.attach(socket)
})
server.maxConnections = MOST_CLIENTS
server.listen(order.socket, () => post({ kind: 'ready' }))

/** Longer than the last answers take on their way, of which one says why. */
const LAST_WORDS_MS = 100

/** An engine that has given up answers nothing more and cannot be closed; its clients are told so by the end of their connections. */
async function endThread(): Promise<void> {
  server.close()
  await pause(LAST_WORDS_MS)
  process.exit()
}

port.on('message', async (question: WorkerRequest) => {
  if (question === 'clients') {
    // A connection made just before the question is accepted within one turn of the event loop, and counts.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    return post({ kind: 'clients', count: forgetGone() })
  }
  for (const [socket, handler] of clients) {
    await handler.detach(true)
    socket.destroy()
  }
  await new Promise((resolve) => server.close(resolve))
  await database.close()
  post({ kind: 'closed' })
  port.close()
})

/** @returns how many clients are left. */
function forgetGone(): number {
  for (const [socket, handler] of clients)
    if (!handler.isAttached) {
      socket.destroy()
      clients.delete(socket)
    }
  return clients.size
}
