import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { z } from 'zod'
import { CourantError, maskUrl } from '../errors.ts'
import { readDomain } from '../mail/addresses/address.ts'
import { readSender } from '../mail/addresses/sender.ts'
import { readEhloName } from '../mail/relays/ehlo-name.ts'
import { isTrustProxy, readTrustProxy, type TrustProxy } from './trusted-proxies.ts'

/** The validated environment. */
export type Config = {
  readonly databaseUrl: string
  /** One URL a relay. */
  readonly relays: readonly string[]
  /** In ASCII (A-labels, percent-encoded), without a slash at its end. */
  readonly baseUrl: string
  readonly mailFrom: string | null
  /** The first signs; all verify. */
  readonly secrets: readonly string[]
  /** The address or name the pages are served on; an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  readonly inboundDomain: string | null
  /** What the worker calls itself to a relay; null where its own name serves. */
  readonly ehloName: string | null
  readonly collectAllowPrivate: boolean
  readonly logLevel: string
  readonly templatesDir: string | null
  /** Whose X-Forwarded-For is believed; where proxies are named, nobody else may connect. */
  readonly trustProxy: TrustProxy
  readonly subscribeLimit: SubscribeLimit
  /** Subscribe forms in an hour that are heeded, on all servers together; null for no limit. */
  readonly subscribeBudget: number | null
}

/** How often one network may send the form in so many seconds; null for no limit. */
export type SubscribeLimit = { readonly requests: number; readonly seconds: number } | null

const SHORTEST_SECRET = 32
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']
/** Values that may hold a password are never repeated in a message. */
const CONFIDENTIAL = new Set(['SECRET', 'SMTP_URL', 'DATABASE_URL'])

const takes = (test: (value: string) => boolean, message: string | ((value: string) => string)) =>
  z
    .string()
    .trim()
    .refine(test, {
      error: ({ input }) => (typeof message === 'string' ? message : message(String(input))),
    })
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

const list = (value: string) => value.split(',').map((part) => part.trim())
const isUrl = (value: string, schemes: readonly string[]) =>
  URL.canParse(value) && schemes.includes(new URL(value).protocol)
/** What a pooler is must be said rightly or not at all: a slip of the pen would be found out in the middle of a send. */
const isPoolerKnown = (url: string) => ['transaction', null].includes(new URL(url).searchParams.get('pooler'))

const schema = z.object({
  DATABASE_URL: takes(
    (value) => /^pglite:\/\/.+/.test(value) || (isUrl(value, ['postgres:', 'postgresql:']) && isPoolerKnown(value)),
    'takes pglite://folder or postgres://user:password@host/database, with ?pooler=transaction or no word on poolers',
  ).default('pglite://./data'),
  SMTP_URL: takes(
    (value) => list(value).every((url) => isUrl(url, ['smtp:', 'smtps:'])),
    'takes smtp://user:password@host:port or smtps://…, several separated by commas',
  ).default('smtp://127.0.0.1:25'),
  BASE_URL: takes(
    isBaseUrl,
    'takes the https:// address readers reach Courant at, without user, password, "?" or "#"',
  ).optional(),
  MAIL_FROM: takes(
    (value) => whyNotSender(value) === '',
    (value) => `takes Name <address@domain>: ${whyNotSender(value)}`,
  ).optional(),
  SECRET: takes(
    (value) => list(value).every((secret) => secret.length >= SHORTEST_SECRET),
    `takes at least ${SHORTEST_SECRET} characters; several, newest first, separated by commas`,
  ).optional(),
  HOST: takes(
    isHost,
    'takes the address to listen on: 127.0.0.1 (this machine alone), 0.0.0.0 or :: (all), another of its own, or a name',
  ).default('127.0.0.1'),
  PORT: takes((value) => /^\d{1,5}$/.test(value) && Number(value) < 65_536, 'takes a port from 0 to 65535').default(
    '8080',
  ),
  INBOUND_DOMAIN: takes((value) => readDomain(value) !== null, 'takes a domain whose mail reaches Courant').optional(),
  EHLO_NAME: takes(
    (value) => readEhloName(value) !== null,
    'takes the whole name of this machine, such as mail.example.org, or its address: [192.0.2.1], [IPv6:2001:db8::1]',
  ).optional(),
  COLLECT_ALLOW_PRIVATE: takes((value) => [...YES, ...NO].includes(value.toLowerCase()), 'takes true or false').default(
    'false',
  ),
  LOG_LEVEL: takes((value) => LOG_LEVELS.includes(value), `takes one of ${LOG_LEVELS.join(', ')}`).default('info'),
  TEMPLATES_DIR: takes((value) => existsSync(value), 'takes a folder that exists').optional(),
  TRUST_PROXY: takes(
    isTrustProxy,
    'takes the number of proxies in front (0 for none), or their addresses or networks, separated by commas',
  ).default('0'),
  SUBSCRIBE_LIMIT: takes(
    (value) => readLimit(value) !== undefined,
    'takes forms and time for each network, such as 30/10m (s, m, h or d), or off',
  ).default('30/10m'),
  SUBSCRIBE_BUDGET: takes(
    (value) => /^(off|[1-9]\d{0,6})$/i.test(value),
    'takes how many subscribe forms an hour are heeded, such as 1000, or off',
  ).default('1000'),
})

/** Without its full stop, since more follows in the sentence; empty where it is one. */
function whyNotSender(value: string): string {
  const sender = readSender(value)
  return typeof sender === 'string' ? sender.replace(/\.$/, '') : ''
}

/** The process's environment, and `.env` of the working folder for what it leaves out. */
export function readEnvironment(): Record<string, string | undefined> {
  const file = resolve('.env')
  const kept = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {}
  return { ...kept, ...process.env }
}

/**
 * Validates the environment.
 *
 * @throws CourantError `config.invalid`, naming every wrong value at once.
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0])
      return `${name} ${issue.message} (got ${show(name, given)}).`
    })
    throw new CourantError('config.invalid', {
      what:
        wrong.length === 1
          ? 'A value of the environment is wrong.'
          : `${wrong.length} values of the environment are wrong.`,
      why: wrong.join(' '),
      todo: 'Correct them in the environment or in .env; .env.example explains each.',
    })
  }
  const values = parsed.data
  const host = withoutBrackets(values.HOST)
  return {
    databaseUrl: values.DATABASE_URL,
    relays: list(values.SMTP_URL),
    baseUrl: new URL(values.BASE_URL ?? ownUrl(host, values.PORT)).href.replace(/\/+$/, ''),
    mailFrom: values.MAIL_FROM ?? null,
    secrets: values.SECRET === undefined ? keptSecret(values.DATABASE_URL) : list(values.SECRET),
    host,
    port: Number(values.PORT),
    inboundDomain: readDomain(values.INBOUND_DOMAIN ?? ''),
    ehloName: readEhloName(values.EHLO_NAME ?? ''),
    collectAllowPrivate: YES.includes(values.COLLECT_ALLOW_PRIVATE.toLowerCase()),
    logLevel: values.LOG_LEVEL,
    templatesDir: values.TEMPLATES_DIR ?? null,
    trustProxy: readTrustProxy(values.TRUST_PROXY),
    subscribeLimit: readLimit(values.SUBSCRIBE_LIMIT) ?? null,
    subscribeBudget: values.SUBSCRIBE_BUDGET.toLowerCase() === 'off' ? null : Number(values.SUBSCRIBE_BUDGET),
  }
}

/** RFC 1123 §2.1: a name's last label is not a number, so that a mistyped address is not taken for a name. */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*(?=.*[a-z])[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?$/i

function isHost(value: string): boolean {
  const host = withoutBrackets(value)
  return (isIP(host) !== 0 && !host.includes('%')) || (host === value && HOST_NAME.test(host))
}

const withoutBrackets = (host: string) => host.replace(/^\[(.*)\]$/, '$1')

/** Where a browser on this machine finds what is served on `host`. */
function ownUrl(host: string, port: string): string {
  if (['127.0.0.1', '0.0.0.0', '::'].includes(host)) return `http://localhost:${port}`
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** Undefined for what says no limit. */
function readLimit(value: string): SubscribeLimit | undefined {
  if (value.toLowerCase() === 'off') return null
  const [, requests = '', count = '', unit = ''] = /^(\d{1,6})\/(\d{0,4})([smhd])$/.exec(value) ?? []
  const seconds = Number(count || 1) * (UNIT_SECONDS[unit] ?? 0)
  return Number(requests) > 0 && seconds > 0 ? { requests: Number(requests), seconds } : undefined
}

/**
 * Every link is made by putting a path behind it, which a query or a fragment would swallow, and RFC 9110 §4.2.4 has no user
 * in a link.
 */
function isBaseUrl(value: string): boolean {
  const url = URL.parse(value)
  const isWeb = url !== null && ['http:', 'https:'].includes(url.protocol)
  return isWeb && url.username === '' && url.password === '' && !/[?#\s]/.test(value)
}

function show(name: string, given: Record<string, string | undefined>): string {
  const value = given[name] ?? ''
  const isConfidential = CONFIDENTIAL.has(name) || (name === 'BASE_URL' && value.includes('@'))
  return isConfidential ? `${value.length} characters, not shown` : JSON.stringify(maskUrl(value))
}

/** The embedded database's folder keeps a secret of its own, made at the first start. */
function keptSecret(databaseUrl: string): readonly string[] {
  if (!databaseUrl.startsWith('pglite://'))
    throw new CourantError('config.invalid', {
      what: 'SECRET is not set.',
      why: `With PostgreSQL several machines must sign links alike, so it takes at least ${SHORTEST_SECRET} characters.`,
      todo: 'Set SECRET to the output of "openssl rand -hex 32", the same on every machine.',
    })
  const folder = resolve(databaseUrl.slice('pglite://'.length))
  const file = join(folder, 'secret')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!existsSync(file)) throw error
  }
  return [readFileSync(file, 'utf8').trim()]
}
