import { once } from 'node:events'
import { type FSWatcher, watch } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'

/** A page on 127.0.0.1 that shows itself anew after every change. */
export type Watched = { readonly url: string; readonly close: () => Promise<void> }

/** What is looked at; other files, such as an editor's own, change nothing. */
const WATCHED_FILE = /\.(mjml|txt|json)$/

/**
 * Serves the HTML that `render` gives on a free port of 127.0.0.1, and renders again whenever a file of `folders` changes:
 * then the page that is open in a browser loads itself again. `render` never throws: a fault is a page too.
 */
export async function serveWatched(render: () => Promise<string>, folders: readonly string[]): Promise<Watched> {
  let version = 0
  let shown = render()
  let isAgain = false
  let isBusy = false
  const waiting = new Set<ServerResponse>()

  const renderAgain = async () => {
    isAgain = true
    if (isBusy) return
    isBusy = true
    while (isAgain) {
      isAgain = false
      const next = await render()
      shown = Promise.resolve(next)
      version += 1
    }
    isBusy = false
    for (const response of waiting) tellChange(response)
  }

  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://127.0.0.1')
    if (pathname === '/') {
      const html = await shown
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' })
      response.end(`${html}\n${reloadScript(version)}`)
    } else if (pathname === '/changes') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      response.flushHeaders()
      waiting.add(response)
      response.once('close', () => waiting.delete(response))
      if (Number(searchParams.get('after')) < version) tellChange(response)
    } else response.writeHead(404).end()
  })
  const watchers = folders.map((folder) => watchFolder(folder, renderAgain))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}/`,
    close: async () => {
      for (const watcher of watchers) watcher.close()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function watchFolder(folder: string, onChange: () => void): FSWatcher {
  return watch(folder, (_, name) => {
    if (name !== null && WATCHED_FILE.test(name)) onChange()
  })
}

/** Server-sent events: a page that was made before the newest version is told at once. */
function tellChange(response: ServerResponse): void {
  response.write('data: changed\n\n')
}

function reloadScript(version: number): string {
  return `<script>new EventSource('/changes?after=${version}').onmessage = () => location.reload()</script>\n`
}
