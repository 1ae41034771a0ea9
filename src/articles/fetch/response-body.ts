import type { Readable } from 'node:stream'
import { PassThrough, pipeline } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'

/** A response's body, decompressed, or why it could not be had. */
type Body = { readonly kind: 'read'; readonly body: Buffer } | { readonly kind: 'refused'; readonly reason: string }

/** What `readBody` can decompress, for Accept-Encoding. */
export const ENCODINGS = 'gzip, deflate, br, zstd'

const MOST_LAYERS = 2

/**
 * Reads a body to its end, decompressing as Content-Encoding says. The limit counts decompressed bytes,
 * so that a small reply cannot grow large here. Rejects when the stream breaks.
 */
export async function readBody(raw: Readable, contentEncoding: string | null, maxBytes: number): Promise<Body> {
  const layers = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  const encodings = layers.filter((name) => name !== '' && name !== 'identity').reverse()
  const unknown =
    encodings.find((name) => !Object.hasOwn(DECODERS, name)) ?? (encodings.length > MOST_LAYERS ? 'nested' : undefined)
  if (unknown !== undefined) {
    raw.destroy()
    return { kind: 'refused', reason: `The encoding ${unknown} is not known.` }
  }
  const first = encodings.length === 1 && encodings[0] === 'deflate' ? await peek(raw) : null
  const stages = encodings.map((name) => DECODERS[name]!(first))
  const last = stages.at(-1) ?? new PassThrough()
  // Errors of any stage destroy the last one, which the loop below reads.
  pipeline([raw, ...(stages.length > 0 ? stages : [last])], () => {})
  return collect(last, maxBytes)
}

type Decoder = (first: number | null) => NodeJS.ReadWriteStream & Readable

const DECODERS: Record<string, Decoder> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
  // “deflate” is zlib (RFC 9110 §8.4.1.2), yet some servers send the bare stream; zlib's first byte names method 8.
  deflate: (first) => (first === null || (first & 0x0f) === 8 ? createInflate() : createInflateRaw()),
}

async function peek(raw: Readable): Promise<number | null> {
  for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
    if (chunk.length === 0) continue
    raw.unshift(chunk)
    return chunk[0]
  }
  return null
}

async function collect(stream: AsyncIterable<Buffer>, maxBytes: number): Promise<Body> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > maxBytes) return { kind: 'refused', reason: `The document is larger than ${maxBytes} bytes.` }
    chunks.push(chunk)
  }
  return { kind: 'read', body: Buffer.concat(chunks) }
}
