import { z } from 'zod'
import { FREQUENCIES } from '../db/schema/newsletter.ts'
import { readOwnAddress, readSender } from '../mail/addresses/sender.ts'
import { canonicalZone } from './schedule/time-zone.ts'

const MOST_ARTICLES = 100
const MOST_GRACE_HOURS = 168
/** CSS pixels: what stands beside the date of a mail 600 wide, and fits a screen of 320 with pictures off, too. */
const LOGO = { width: [16, 280], height: [16, 120] } as const
const LONGEST_URL = 2_000
const text = (most: number) => z.string().trim().max(most, `takes at most ${most} characters`)
const optionalText = (most: number) =>
  text(most)
    .regex(/^[\P{Cc}\n\r\t]*$/u, 'takes no control characters')
    .transform((value) => (value === '' ? null : value))
    .nullable()
const whole = (least: number, most: number) => {
  const takes = `takes a whole number from ${least} to ${most}`
  const digits = z
    .string()
    .regex(/^\d{1,6}$/)
    .transform(Number)
  return z
    .union([z.number(), digits], takes)
    .refine((value) => Number.isInteger(value) && value >= least && value <= most, takes)
}

const SLUG = /^[a-z0-9-]{1,63}$/
const slug = z.string().regex(SLUG, 'takes 1 to 63 of a–z, 0–9 and hyphens')
const zone = z.string().transform((value, issues) => {
  const canonical = canonicalZone(value.trim())
  if (canonical === null) issues.addIssue('takes an IANA name such as Europe/Berlin')
  return canonical ?? z.NEVER
})
const from = z.string().transform((value, issues) => {
  const sender = readSender(value)
  if (typeof sender !== 'string') return sender
  issues.addIssue(`takes one address, or Name <address@domain> (${sender.replace(/\.$/, '')})`)
  return z.NEVER
})
const replyTo = z.string().transform((value, issues) => {
  if (value === '') return null
  const read = readOwnAddress(value)
  if ('address' in read) return read.address
  issues.addIssue(`takes one address (${read.reason.replace(/\.$/, '')})`)
  return z.NEVER
})

const colour = (example: string) => z.string().regex(/^#[0-9a-f]{6}$/i, `takes a colour such as ${example}`)
const orNone = <Field extends z.ZodType>(field: Field) =>
  z.preprocess((value) => (value === '' ? null : value), field.nullable())
const httpsUrl = z
  .string()
  .trim()
  .max(LONGEST_URL, `takes at most ${LONGEST_URL} characters`)
  .refine(isHttps, 'takes an address that begins with https://')

const shape = {
  name: text(200)
    .min(1, 'takes a name')
    .regex(/^[^\p{Cc}]*$/u, 'takes one line'),
  locale: z.enum(['de', 'en'], 'takes de or en'),
  zone,
  hour: whole(0, 23),
  from,
  replyTo: replyTo.nullable(),
  imprint: optionalText(5_000),
  frequency: z.enum(FREQUENCIES, `takes one of ${FREQUENCIES.join(', ')}`),
  maxArticles: whole(1, MOST_ARTICLES),
  minArticles: whole(1, MOST_ARTICLES),
  graceHours: whole(0, MOST_GRACE_HOURS),
  accent: colour('#1a5276'),
  headlineColour: orNone(colour('#22262a')),
  headlineFont: z.enum(['sans', 'serif'], 'takes sans or serif'),
  logoUrl: orNone(httpsUrl),
  logoDarkUrl: orNone(httpsUrl),
  logoAlt: optionalText(200),
  logoWidth: orNone(whole(...LOGO.width)),
  logoHeight: orNone(whole(...LOGO.height)),
  logoPlace: z.enum(['instead', 'beside'], 'takes instead or beside'),
  intro: optionalText(5_000),
}

/** Validates a change of a newsletter's fields, of which any may be left out; an empty text clears one. */
export const newsletterChange = z.object(shape).partial()

/** Validates the fields of a new newsletter, with sensible values for what is left out. */
export const newNewsletter = z.object({
  ...newsletterChange.shape,
  slug,
  name: shape.name,
  locale: shape.locale.default('de'),
  zone: shape.zone.default('Europe/Berlin'),
  hour: shape.hour.default(7),
  from: shape.from,
  frequency: shape.frequency.default('daily'),
})

/** Whether a newsletter may have this short name. */
export const isSlug = (text: string): boolean => SLUG.test(text)

export type NewNewsletter = z.output<typeof newNewsletter>
export type NewsletterChange = z.output<typeof newsletterChange>

function isHttps(value: string): boolean {
  const url = URL.parse(value)
  return !/\p{Cc}/u.test(value) && url?.protocol === 'https:' && url.username === '' && url.password === ''
}
