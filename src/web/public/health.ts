import type { Hono } from 'hono'
import type { Site, SiteEnv } from '../context.ts'

/** `/healthz`: the process answers. `/readyz`: it does its work; else 503 with the reasons. */
export function routeHealth(app: Hono<SiteEnv>, { readHealth }: Site): void {
  app.get('/healthz', (c) => c.text('ok\n'))
  app.get('/readyz', async (c) => {
    const health = await readHealth()
    return c.json(health, health.ready ? 200 : 503)
  })
}
