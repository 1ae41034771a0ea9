import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../context.ts'

/**
 * `/healthz`: the process answers. `/readyz`: it does its work; else 503 with the reasons. Anybody may ask, as often as they
 * like: those who ask at the same time share one look at the database.
 */
export function routeHealth(app: Hono<SiteEnv>, { readHealth }: Site): void {
  app.get('/healthz', (c) => c.text('ok\n'))
  let looking: ReturnType<typeof readHealth> | null = null
  app.get('/readyz', async (c) => {
    looking ??= readHealth().finally(() => {
      looking = null
    })
    const health = await looking
    return c.json(health, health.ready ? 200 : 503)
  })
}
