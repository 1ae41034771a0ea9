import { sql } from 'drizzle-orm'
import { addArticles, parseSubmitted } from '../../src/articles/submit.ts'
import type { Database } from '../../src/db/client.ts'
import { cancelEdition } from '../../src/editions/lifecycle/cancel.ts'
import { pauseNewsletter, resumeNewsletter } from '../../src/editions/lifecycle/newsletter-lifecycle.ts'
import { pauseEdition, resumeEdition } from '../../src/editions/lifecycle/pause-resume.ts'
import { withdrawArticles } from '../../src/editions/lifecycle/withdraw-articles.ts'
import { planEdition } from '../../src/editions/plan/plan.ts'
import { makeManualRequest } from '../../src/editions/plan-request.ts'
import type { Newsletter } from '../../src/newsletters/newsletters.ts'
import { changeNewsletter } from '../support/newsletters.ts'
import type { Deed } from './acts.ts'
import { ARTICLE_URL } from './mails.ts'
import { askOf, complainOf, confirmOf, leaveOf, type ReaderDeed, restOf, signUpOf, undoOf } from './readers.ts'
import { pickOf, type World } from './world.ts'

/** A deed of people: everything but a tick and a clock that is set. */
export type PeopleDeed = Exclude<Deed, { kind: 'tick' | 'setClock' }>

/** Does it with the product's own functions, in a process with this database. Refusals (CourantError) are thrown. */
export async function perform(world: World, db: Database, deed: PeopleDeed): Promise<unknown> {
  const now = world.clock.now()
  switch (deed.kind) {
    case 'publish':
    case 'edit':
      return write(world, db, deed)
    case 'hide':
    case 'remove':
      return hide(world, db, deed)
    case 'pauseNewsletter':
      return pauseNewsletter(db, newsletterOf(world, deed.newsletter).slug)
    case 'resumeNewsletter':
      return resumeNewsletter(db, newsletterOf(world, deed.newsletter).slug, now)
    case 'pauseEdition':
      return pauseEdition(db, editionOf(world, deed.pick))
    case 'resumeEdition':
      return resumeEdition(db, editionOf(world, deed.pick), now)
    case 'cancelEdition':
      return cancelEdition(db, editionOf(world, deed.pick), world.clock)
    case 'change': {
      const { hour, zone } = pickOf(world.scene.choices, deed.schedule) ?? { hour: 7, zone: 'Etc/UTC' }
      const fields = { zone, minArticles: deed.minArticles, ...(hour === null ? {} : { hour }) }
      return changeNewsletter(db, newsletterOf(world, deed.newsletter).slug, fields, now)
    }
    case 'send': {
      const newsletter = newsletterOf(world, deed.newsletter)
      const subs = world.look.subs.filter(
        ({ newsletterId, state }) => newsletterId === newsletter.id && state === 'active',
      )
      const to = deed.to === null ? null : (pickOf(subs, deed.to)?.id ?? null)
      return planEdition(db, makeManualRequest(newsletter.id, deed.key, to), world.clock)
    }
    default:
      return performReader(world, db, deed)
  }
}

function performReader(world: World, db: Database, deed: ReaderDeed): Promise<unknown> {
  switch (deed.kind) {
    case 'ask':
      return askOf(world, db, deed)
    case 'confirm':
      return confirmOf(world, db, deed)
    case 'signUp':
    case 'move':
      return signUpOf(world, db, deed)
    case 'leave':
      return leaveOf(world, db, deed)
    case 'undo':
      return undoOf(world, db)
    case 'rest':
    case 'return':
      return restOf(world, db, deed)
    case 'complain':
      return complainOf(world, db, deed)
  }
}

export function newsletterOf(world: World, pick: number): Newsletter {
  const newsletter = pickOf(world.newsletters, pick)
  if (newsletter === undefined) throw new RangeError('a world without newsletters')
  return newsletter
}

/** Mostly one of the latest: the older ones are over. */
const editionOf = ({ look }: World, pick: number) => pickOf(look.editions.slice(-4), pick)?.id ?? 0

async function write(world: World, db: Database, deed: Extract<Deed, { kind: 'publish' | 'edit' }>): Promise<unknown> {
  const number =
    deed.kind === 'publish' ? world.published.length + 1 : 1 + (deed.pick % Math.max(world.published.length, 1))
  const known = world.published[number - 1]
  if (deed.kind === 'edit' && known === undefined) return null
  const topics = deed.topics ?? known?.topics ?? []
  const newsletter = known?.newsletter ?? (deed.kind === 'publish' ? deed.newsletter : 0)
  world.published[number - 1] = { newsletter, topics }
  const title = deed.kind === 'edit' ? `Meldung ${number}, berichtigt` : `Meldung ${number}`
  const given = parseSubmitted({ url: `${ARTICLE_URL}${number}`, title, topics })
  if (given.kind === 'wrong') throw new RangeError(given.why)
  return addArticles(db, newsletterOf(world, newsletter).id, [given.article], world.clock.now())
}

async function hide(world: World, db: Database, deed: Extract<Deed, { kind: 'hide' | 'remove' }>): Promise<unknown> {
  const number = 1 + (deed.pick % Math.max(world.published.length, 1))
  const found = await db.execute<{ id: number }>(sql`select id from article where url = ${`${ARTICLE_URL}${number}`}`)
  const ids = found.rows.map(({ id }) => id)
  if (ids.length === 0) return null
  return withdrawArticles(db, ids, deed.kind === 'hide' ? 'hidden' : 'removed', world.clock)
}
