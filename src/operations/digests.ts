import { z } from 'zod'
import type { MessageContext } from '../delivery/message.ts'
import type { Preview } from '../digest/preview.ts'
import { findNewsletter } from '../newsletters/newsletters.ts'
import { addressField, oneLineOf, onlyOrSlug } from './fields.ts'
import { audited, type BareContext, type OperationContext, unaudited } from './operation.ts'

/** Part of a unique index. */
const LONGEST_KEY = 200
/** Formats of a preview. */
const PREVIEW_FORMATS = ['html', 'text', 'eml', 'json'] as const

const sendInput = z.object({
  newsletter: onlyOrSlug,
  /** Limits the send to this reader's subscription. */
  to: addressField.optional(),
  /** The same key returns the same edition. */
  key: oneLineOf(LONGEST_KEY).optional(),
})

/** Operations on digests: preview, test and send. */
export const digestOperations = {
  /** Renders what a subscriber, or the home cohort, would get now. */
  preview: unaudited({
    name: 'digest.preview',
    right: 'editions.read',
    input: z.object({
      newsletter: onlyOrSlug,
      subscriber: addressField.optional(),
      format: z.enum(PREVIEW_FORMATS).default('html'),
    }),
    run: async ({ db, clock, config }, { newsletter: slug, subscriber = null, format }) => {
      const [{ openMessageContext }, { readPreview }] = await Promise.all([
        import('../delivery/open-sender.ts'),
        import('../digest/preview.ts'),
      ])
      const context = await openMessageContext(config())
      const newsletter = await findNewsletter(db, slug)
      const looking = { newsletter, email: subscriber, baseUrl: context.baseUrl, now: clock.now() }
      return { format, content: await renderPreview(context, await readPreview(db, looking), format) }
    },
  }),

  /** Returns the MJML template of digests. */
  template: unaudited({
    name: 'digest.template',
    right: 'editions.read',
    input: z.object({}),
    run: async ({ config }: BareContext) => {
      const { readTemplate } = await import('../digest/templates/templates.ts')
      return { content: (await readTemplate('mail/digest.mjml', config().templatesDir)).source }
    },
  }),

  /** Sends the next digest to one address, marked as a test. No row changes, so the audit line is written first. */
  test: audited({
    name: 'digest.test',
    right: 'editions.send',
    input: z.object({ newsletter: onlyOrSlug, to: addressField, subscriber: addressField.optional() }),
    run: async (context, { newsletter: slug, to, subscriber }) => {
      const { sendTest } = await import('../delivery/test-mail.ts')
      const sender = await openOwnSender(context)
      const newsletter = await findNewsletter(context.db, slug)
      const about = { newsletter: newsletter.slug, hasImprint: (newsletter.imprint ?? '').trim() !== '' }
      const options = subscriber === undefined ? { to } : { to, subscriber }
      return { ...about, report: await sendTest(context.db, sender, newsletter, options, context.clock) }
    },
    audit: { before: async ({ newsletter }, { db }) => ({ subject: (await findNewsletter(db, newsletter)).slug }) },
  }),

  /**
   * Plans and delivers now what is new to each reader. `held` is why nothing of the edition is sent until somebody acts. It runs
   * many transactions, so the audit line is written first.
   */
  send: audited({
    name: 'digest.send',
    right: 'editions.send',
    input: sendInput,
    run: async (context, { newsletter, ...options }) => {
      const { readSummary } = await import('../editions/reports/edition-report.ts')
      const report = await send(context, newsletter, options)
      const edition = report.edition === null ? null : await readSummary(context.db, report.edition)
      const held = edition?.state === 'held' ? (edition.reason ?? 'It was not written down why.') : null
      return { ...report, held }
    },
    audit: {
      before: async ({ newsletter, to, key }, { db }) => ({
        subject: (await findNewsletter(db, newsletter)).slug,
        details: { toOne: to !== undefined, ...(key !== undefined && { key }) },
      }),
    },
  }),

  /** Counts what `send` would do now, by the same plan. */
  dryRun: unaudited({
    name: 'digest.dry-run',
    right: 'editions.read',
    input: sendInput,
    run: (context, { newsletter, ...options }) => send(context, newsletter, { ...options, dryRun: true }),
  }),
}

async function send(
  context: OperationContext,
  newsletter: string | undefined,
  options: { readonly to?: string | undefined; readonly key?: string | undefined; readonly dryRun?: boolean },
) {
  const { sendNow } = await import('../delivery/send-now.ts')
  const { db, clock, progress } = context
  const sender = context.sender ?? (await openOwnSender(context))
  return sendNow(db, sender, { clock, log: context.log(), ...(progress && { progress }) }, newsletter, options)
}

async function openOwnSender({ config, log }: OperationContext) {
  const { openSender } = await import('../delivery/open-sender.ts')
  return openSender(config(), log())
}

async function renderPreview(
  context: MessageContext,
  { source, reader }: Preview,
  format: (typeof PREVIEW_FORMATS)[number],
): Promise<string | Buffer> {
  const [{ composeDigest }, { renderDigest }, { compileSource, fieldsOf, writeMessage }] = await Promise.all([
    import('../digest/compose/compose.ts'),
    import('../digest/render/render.ts'),
    import('../delivery/message.ts'),
  ])
  const view = composeDigest(source.digest)
  const fields = fieldsOf(context, source, 0, reader)
  const rendered = renderDigest(context.templates, view, fields)
  switch (format) {
    case 'html':
      return rendered.html
    case 'text':
      return rendered.text
    case 'json': {
      const { input: _, ...shown } = view
      const { subject, preheader } = rendered
      const articles = source.digest.articles.length
      return JSON.stringify({ articles, ...shown, subject, preheader, reader: fields }, null, 2)
    }
    case 'eml': {
      const { contentToBuffer } = await import('../mail/mime/fill-message.ts')
      const compiled = await compileSource(context, source)
      return contentToBuffer(writeMessage(context, compiled, { seq: 0, subscriptionId: 0, reader }).content)
    }
  }
}
