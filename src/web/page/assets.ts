import type { Hono } from 'hono'
import { compress } from 'hono/compress'
import { etag } from 'hono/etag'
import { GROUND, readableAccent } from '../../digest/markup/look.ts'
import type { Site, SiteEnv } from '../context.ts'
import type { Asset } from './pages.ts'
import { showProblem } from './problem.ts'

const FOR_EVER = 'public, max-age=31536000, immutable'
const FOR_A_WHILE = 'public, max-age=300'

/** Style sheets, kept by browsers for ever under their versioned address; and each newsletter's accent as one. */
export function routeAssets(app: Hono<SiteEnv>, site: Site): void {
  app.use('/assets/*', compress(), etag())
  app.get('/assets/accent/:colour{[0-9a-f]{6}\\.css}', (c) => {
    const sheet = accentSheet(`#${c.req.param('colour').slice(0, 6)}`)
    return c.body(sheet, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': FOR_EVER })
  })
  app.get('/assets/:name', (c) => {
    const asset = site.pages.assets.get(c.req.param('name'))
    if (asset === undefined) return showProblem(site, c, 404)
    const isThisVersion = c.req.query('v') === asset.version
    return c.body(octetsOf(asset), 200, {
      'Content-Type': asset.type,
      'Cache-Control': isThisVersion ? FOR_EVER : FOR_A_WHILE,
    })
  })
}

/** Colours readable at 4.5:1 on the light and on the dark ground, as in mails. */
function accentSheet(colour: string): string {
  const light = readableAccent(colour, 'light')
  const dark = readableAccent(colour, 'dark')
  const root = ':root:not([data-theme="dark"])'
  const rule = (accent: string, on: string) => `${root}{--accent:${accent};--on-accent:${on}}`
  return `${rule(light, GROUND.light)}@media(prefers-color-scheme:dark){${rule(dark, GROUND.dark)}}\n`
}

const octetsOf = ({ octets }: Asset) => new Uint8Array(octets)
