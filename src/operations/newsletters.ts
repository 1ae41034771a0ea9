import { z } from 'zod'
import type { Config } from '../config/config.ts'
import { newsletter } from '../db/schema/newsletter.ts'
import { InputError } from '../errors.ts'
import {
  addNewsletter,
  changeNewsletter,
  findNewsletter,
  listNewsletters,
  type Newsletter,
} from '../newsletters/newsletters.ts'
import { newNewsletter, newsletterChange } from '../newsletters/settings.ts'
import { onlyOrSlug, slugField } from './fields.ts'
import { audited, unaudited } from './operation.ts'

/** A newsletter as administrators see it. */
export type NewsletterView = Omit<Newsletter, 'id' | 'fromAddress' | 'fromName'> & { readonly from: string }

const named = z.object({ newsletter: slugField })
const onlyOrNamed = z.object({ newsletter: onlyOrSlug })

/** Operations on newsletters. */
export const newsletterOperations = {
  /** Adds a newsletter; its sender defaults to MAIL_FROM. */
  add: audited({
    name: 'newsletter.add',
    right: 'newsletters.write',
    input: newNewsletter.extend({ from: newNewsletter.shape.from.optional() }),
    run: async ({ db, clock, config }, { from, ...fields }) =>
      viewOf(await addNewsletter(db, { ...fields, from: from ?? readMailFrom(config()) }, clock.now())),
    audit: { after: ({ slug }) => ({ subject: slug }) },
  }),

  list: unaudited({
    name: 'newsletter.list',
    right: 'newsletters.read',
    input: z.object({}),
    run: async ({ db }) => (await listNewsletters(db)).map(viewOf),
  }),

  show: unaudited({
    name: 'newsletter.show',
    right: 'newsletters.read',
    input: onlyOrNamed,
    run: async ({ db }, { newsletter }) => viewOf(await findNewsletter(db, newsletter)),
  }),

  /** Changes the fields given; an empty text clears one. */
  set: audited({
    name: 'newsletter.set',
    right: 'newsletters.write',
    input: newsletterChange.extend(onlyOrNamed.shape),
    run: async ({ db, clock }, { newsletter, ...fields }) =>
      viewOf(await changeNewsletter(db, (await findNewsletter(db, newsletter)).slug, fields, clock.now())),
    audit: {
      after: ({ slug }, { newsletter: _, ...fields }) => ({
        subject: slug,
        details: { changed: Object.keys(fields).sort() },
      }),
    },
  }),

  /** Stops planning and sending; open editions are paused with the newsletter. */
  pause: audited({
    name: 'newsletter.pause',
    right: 'newsletters.write',
    input: onlyOrNamed,
    run: async ({ db }, { newsletter: given }) => {
      const { pauseNewsletter } = await import('../editions/lifecycle/newsletter-lifecycle.ts')
      const { slug } = await findNewsletter(db, given)
      const { newsletter, editions } = await pauseNewsletter(db, slug)
      return { ...viewOf(newsletter), editions }
    },
    audit: { after: ({ slug, editions }) => ({ subject: slug, details: { editions } }) },
  }),

  /** Resumes a newsletter and the editions that were paused with it. */
  resume: audited({
    name: 'newsletter.resume',
    right: 'newsletters.write',
    input: onlyOrNamed,
    run: async ({ db, clock }, { newsletter: given }) => {
      const { resumeNewsletter } = await import('../editions/lifecycle/newsletter-lifecycle.ts')
      const { slug } = await findNewsletter(db, given)
      const { newsletter, editions } = await resumeNewsletter(db, slug, clock.now())
      return { ...viewOf(newsletter), editions }
    },
    audit: { after: ({ slug, editions }) => ({ subject: slug, details: { editions } }) },
  }),

  /** Counts the readers and unsent messages that deleting a newsletter affects. */
  affected: unaudited({
    name: 'newsletter.affected',
    right: 'newsletters.read',
    input: named,
    run: async ({ db }, { newsletter: slug }) => {
      const { countAffected } = await import('../editions/lifecycle/newsletter-lifecycle.ts')
      const { newsletter, readers, unsent } = await countAffected(db, slug)
      return { slug, name: newsletter.name, readers, unsent }
    },
  }),

  /** Deletes a newsletter. It runs one transaction per slice of editions and readers, so the audit line is written first. */
  delete: audited({
    name: 'newsletter.delete',
    right: 'newsletters.delete',
    input: named,
    run: async ({ db, clock }, { newsletter: slug }) => {
      const { deleteNewsletter } = await import('../editions/lifecycle/newsletter-lifecycle.ts')
      const { newsletter, editions, readers } = await deleteNewsletter(db, slug, clock)
      return { slug, name: newsletter.name, state: newsletter.state, readers, editions }
    },
    audit: { before: ({ newsletter }) => ({ subject: newsletter }) },
  }),
}

/** The defaults of a new newsletter. */
export function newsletterDefaults(): Readonly<Record<string, unknown>> {
  const { locale, zone, hour, frequency } = newNewsletter.parse({ slug: 'x', name: 'x', from: 'x@example.org' })
  const { maxArticles, minArticles, graceHours, accent, headlineFont } = newsletter
  const kept = Object.entries({ maxArticles, minArticles, graceHours, accent, headlineFont })
  return { locale, zone, hour, frequency, ...Object.fromEntries(kept.map(([name, column]) => [name, column.default])) }
}

function viewOf(newsletter: Newsletter): NewsletterView {
  const { id: _, fromAddress, fromName, ...fields } = newsletter
  return { ...fields, from: `${fromName} <${fromAddress}>` }
}

function readMailFrom({ mailFrom }: Config) {
  if (mailFrom === null) throw new InputError('newsletter', [{ field: 'from', problem: 'is missing' }])
  return newNewsletter.shape.from.parse(mailFrom)
}
