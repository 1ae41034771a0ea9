import { describe, expect, test } from 'vitest'
import { isTransient, retryTransient, waitMs } from '../../src/db/transient.ts'
import { handClock } from '../support/clock.ts'
import { NOON } from '../support/world.ts'

const withCode = (code: string, further = {}) => Object.assign(new Error('it failed'), { code, ...further })

describe('a fault that may pass', () => {
  test.each(['40P01', '40001', '57P01', '53300', '25006', '08006', '08P01', '57014', '53100', '55P03'])(
    'is SQLSTATE %s, also below the error of drizzle',
    (code) => {
      expect(isTransient(withCode(code))).toBe(true)
      expect(isTransient(new Error('Failed query', { cause: withCode(code) }))).toBe(true)
    },
  )

  test.each(['ECONNRESET', 'EPIPE', 'EMFILE', 'ECONNREFUSED'])('is %s of a socket', (code) => {
    expect(isTransient(withCode(code))).toBe(true)
    expect(isTransient(new AggregateError([withCode(code)]))).toBe(true)
  })

  test.each([
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'timeout exceeded when trying to connect',
  ])('is what the driver says without a code: %s', (message) => {
    expect(isTransient(new Error(message))).toBe(true)
  })

  test('is a database socket that is missing while the server restarts, but not a missing file', () => {
    expect(isTransient(withCode('ENOENT', { syscall: 'connect' }))).toBe(true)
    expect(isTransient(withCode('ENOENT', { syscall: 'open' }))).toBe(false)
  })

  test.each(['23505', '42703', '22P02', '25P02'])('is not SQLSTATE %s, which fails again however often', (code) => {
    expect(isTransient(withCode(code))).toBe(false)
  })

  test('is nothing else that was thrown', () => {
    expect(isTransient(new RangeError('an invalid template'))).toBe(false)
    expect(isTransient('40P01')).toBe(false)
  })
})

describe('work that is repeated', () => {
  const slept: number[] = []
  const clock = {
    ...handClock(NOON),
    sleep: async (ms: number) => {
      slept.push(ms)
    },
  }

  test('waits longer after each failure and ends with its value', async () => {
    slept.splice(0)
    let left = 4
    const value = await retryTransient(clock, async () => {
      left -= 1
      if (left > 0) throw withCode('40P01')
      return 'done'
    })
    expect(value).toBe('done')
    expect(slept).toEqual([50, 100, 200])
    expect([waitMs(6), waitMs(7), waitMs(100)]).toEqual([1600, 2000, 2000])
  })

  test('is given up after eight tries, or as long as it may be repeated', async () => {
    const tries: number[] = []
    const failing = async () => {
      throw withCode('08006')
    }
    const onFailure = (_: unknown, count: number) => tries.push(count)
    await expect(retryTransient(clock, failing, { onFailure })).rejects.toMatchObject({ code: '08006' })
    expect(tries).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await expect(retryTransient(clock, failing, { onFailure, mayRepeat: () => false })).rejects.toThrow()
    expect(tries).toHaveLength(9)
  })

  test('is repeated for a time where that is asked for', async () => {
    let ms = 0
    const sleep = async (waitedMs: number) => {
      ms += waitedMs
    }
    const passing = { ...clock, monotonicMs: () => ms, sleep }
    let tries = 0
    const failing = async () => {
      tries += 1
      throw withCode('57P01')
    }
    await expect(retryTransient(passing, failing, { forMs: 10_000 })).rejects.toMatchObject({ code: '57P01' })
    expect(ms).toBe(11_150)
    expect(tries).toBe(11)
  })

  test('fails at once for a reason that does not pass', async () => {
    let tries = 0
    const failing = async () => {
      tries += 1
      throw withCode('23505')
    }
    await expect(retryTransient(clock, failing)).rejects.toMatchObject({ code: '23505' })
    expect(tries).toBe(1)
  })

  test('is not repeated once it is stopped', async () => {
    const stop = new AbortController()
    let tries = 0
    const failing = async () => {
      tries += 1
      stop.abort()
      throw withCode('40P01')
    }
    await expect(retryTransient(clock, failing, { signal: stop.signal })).rejects.toMatchObject({ code: '40P01' })
    expect(tries).toBe(1)
  })
})
