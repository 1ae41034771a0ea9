import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { SubscribeLimit } from '../../config/config.ts'

/** Counts one request of a network; answers the seconds to wait, or null where it may go on. */
type Limiter = (network: string) => Promise<number | null>

/** Opens a limiter that each process keeps for itself, in memory; networks are forgotten when their time is over. */
export function openLimiter(limit: SubscribeLimit): Limiter {
  if (limit === null) return async () => null
  const limiter = new RateLimiterMemory({ points: limit.requests, duration: limit.seconds })
  return async (network) => {
    try {
      await limiter.consume(network)
      return null
    } catch (refused) {
      if (refused instanceof RateLimiterRes) return Math.max(1, Math.ceil(refused.msBeforeNext / 1_000))
      throw refused
    }
  }
}
