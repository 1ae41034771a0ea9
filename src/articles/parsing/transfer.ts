import { Temporal } from '../../clock.ts'

/** A value on its way between threads: an instant is no plain data, so it travels as nanoseconds since 1970. */
export type Transferable<T> = Omit<T, 'publishedAt'> & { readonly publishedAt: bigint | null }

type Dated = { readonly publishedAt: Temporal.Instant | null }

/** Makes a dated value ready for another thread. */
export function packDates<T extends Dated>(value: T): Transferable<T> {
  return { ...value, publishedAt: value.publishedAt?.epochNanoseconds ?? null }
}

/** Restores what `packDates` made. */
export function unpackDates<T>(value: Transferable<T>): Omit<T, 'publishedAt'> & Dated {
  const { publishedAt } = value
  return { ...value, publishedAt: publishedAt === null ? null : new Temporal.Instant(publishedAt) }
}

/** The octets that another thread sent, which arrive as a plain array of them. */
export function viewAsBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
