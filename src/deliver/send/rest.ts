import { setTimeout as pause } from 'node:timers/promises'

/** The signal of those that nobody stops. */
export const NEVER = new AbortController().signal

/** Waits `ms` milliseconds, or until the signal is aborted: a stop never waits for a wait. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

/** The promise's value, or null once the signal is aborted, whichever is first. */
export function unlessStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return Promise.resolve(null)
  return new Promise((settle, refuse) => {
    const stop = () => settle(null)
    signal.addEventListener('abort', stop, { once: true })
    promise.then(settle, refuse).finally(() => signal.removeEventListener('abort', stop))
  })
}
