import type { MiddlewareHandler } from 'hono'
import type { Site, SiteEnv } from '../context.ts'
import { showProblem } from '../pages/problem.ts'

/** No form of ours is larger. */
const MOST_OCTETS = 64 * 1024

/**
 * Reads what was posted, for `octets`, and refuses more than 64 KB (413) without reading on. A body that breaks off is the
 * client's doing: it went away, sent wrong chunks, or took too long. Nobody hears the answer, and it is no fault of ours.
 */
export function limitBodySize(site: Site): MiddlewareHandler<SiteEnv> {
  return async (c, next) => {
    const octets = await readUpTo(c.req.raw.body, MOST_OCTETS)
    if (octets === 'torn') {
      c.set('isAborted', true)
      return showProblem(site, c, 400)
    }
    if (octets === 'large') return showProblem(site, c, 413)
    c.set('octets', octets)
    return next()
  }
}

async function readUpTo(body: ReadableStream<Uint8Array> | null, most: number): Promise<Buffer | 'large' | 'torn'> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body ?? []) {
      length += chunk.length
      if (length > most) return 'large'
      chunks.push(chunk)
    }
  } catch {
    return 'torn'
  }
  return Buffer.concat(chunks)
}
