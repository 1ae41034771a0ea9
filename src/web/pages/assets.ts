import type { Hono } from 'hono'
import { compress } from 'hono/compress'
import { etag } from 'hono/etag'
import type { Site, SiteEnv } from '../context.ts'
import type { Asset } from '../page-templates.ts'
import { colourSheet } from './colour-sheet.ts'
import { showProblem } from './problem.ts'

const FOR_EVER = 'public, max-age=31536000, immutable'
const FOR_A_DAY = 'public, max-age=86400'
const FOR_A_WHILE = 'public, max-age=300'

/** Style sheets, kept by browsers for ever under their versioned address; and each newsletter's colours as one. */
export function routeAssets(app: Hono<SiteEnv>, site: Site): void {
  app.use('/assets/*', compress(), etag())
  app.get('/assets/accent/:colours{(?:none|[0-9a-f]{6})(?:-[0-9a-f]{6})?\\.css}', (c) => {
    const sheet = colourSheet(c.req.param('colours').replace('.css', ''))
    return c.body(sheet, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': FOR_A_DAY })
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

const octetsOf = ({ octets }: Asset) => new Uint8Array(octets)
