import type { AtomFeed } from 'feedsmith'
import { attachedImages, mediaImages, mediaText } from '../../images/media-images.ts'
import { present, type RawFeed, type RawItem, type Words } from '../../raw-feed.ts'

type AtomEntry = AtomFeed.Entry<string>
type AtomLink = NonNullable<AtomEntry['links']>[number]
type AtomText = NonNullable<AtomEntry['title']>

/** Reads Atom 0.3 and 1.0 (RFC 4287). Links are relative to `url`, where the feed is; where that is unknown, to its links. */
export function readAtom(feed: AtomFeed.Feed<string>, url: string | null): RawFeed {
  const link = alternateLinks(feed.links)[0] ?? null
  const bases = [link, selfLink(feed.links), url, feed.xml?.base ?? null]
  const inherited = namesOf(feed.authors)
  return {
    title: toWords(feed.title) ?? null,
    link,
    language: feed.xml?.lang ?? feed.dc?.languages?.[0] ?? null,
    ttl: null,
    items: (feed.entries ?? []).map((entry) => readEntry(entry, bases, inherited)),
  }
}

function readEntry(entry: AtomEntry, bases: readonly (string | null)[], inherited: string[]): RawItem {
  const names = [
    namesOf(entry.authors),
    present(...(entry.dc?.creators ?? [])),
    namesOf(entry.source?.authors),
    inherited,
  ]
  const described = mediaText(entry.media, 'description')
  return {
    id: entry.id ?? null,
    links: present(...alternateLinks(entry.links), entry.content?.src, webId(entry.id), played(entry.links)),
    title: toWords(entry.title) ?? toWords(fromMedia(mediaText(entry.media, 'title'))),
    summary: toWords(entry.summary) ?? toWords(fromMedia(described)),
    content: toWords(entry.content) ?? toWords(entry.summary),
    authors: names.find((list) => list.length > 0) ?? [],
    dates: present(
      entry.published,
      ...(entry.dcterms?.issued ?? []),
      entry.updated,
      ...(entry.dc?.dates ?? []),
      ...(entry.dcterms?.created ?? []),
      ...(entry.dcterms?.modified ?? []),
    ),
    topics: present(...(entry.categories ?? []).map(topicOf), ...(entry.dc?.subjects ?? [])),
    images: [...mediaImages(entry.media), ...attachedImages(entry.links?.filter(isEnclosure).map(toAttachment) ?? [])],
    bases: [...bases, entry.xml?.base ?? null],
    contentBase: entry.content?.xml?.base ?? null,
  }
}

/** The links to the thing itself: rel “alternate” or none, web pages first; then what comes closest to it. */
export function alternateLinks(links: readonly AtomLink[] | undefined): string[] {
  const rel = (link: AtomLink) => (link.rel ?? 'alternate').toLowerCase().replace(/^.*\//, '')
  const isPage = (link: AtomLink) => link.type === undefined || /html/i.test(link.type)
  const alternates = (links ?? []).filter((link) => rel(link) === 'alternate')
  const pages = [...alternates.filter(isPage), ...alternates.filter((link) => !isPage(link))]
  const close = (links ?? []).filter((link) => ['related', 'via', 'canonical'].includes(rel(link)))
  return present(...[...pages, ...close].map(({ href }) => href))
}

function selfLink(links: readonly AtomLink[] | undefined): string | null {
  return links?.find(({ rel }) => rel === 'self')?.href ?? null
}

/** What is heard or watched, where nothing is to be read. */
function played(links: readonly AtomLink[] | undefined): string | undefined {
  return links?.find((link) => isEnclosure(link) && /^(audio|video)\//.test(link.type ?? ''))?.href
}

function isEnclosure({ rel }: AtomLink): boolean {
  return rel === 'enclosure'
}

function toAttachment({ href, type }: AtomLink): { url?: string; type?: string } {
  return { url: href, type }
}

function webId(id: string | undefined): string | null {
  return id !== undefined && /^https?:\/\//i.test(id) ? id : null
}

function namesOf(people: AtomEntry['authors']): string[] {
  return present(...(people ?? []).map(({ name, email }) => name ?? email))
}

/** The label is for people; a term that is an address is for machines. */
function topicOf({ label, term }: { label?: string; term?: string }): string | undefined {
  const name = label ?? term
  return name !== undefined && /^https?:/i.test(name) ? undefined : name
}

function fromMedia(value: string | undefined): AtomText | undefined {
  return value === undefined ? undefined : { value, type: 'html' }
}

function toWords(text: { value?: string; type?: string } | undefined): Words | null {
  if (text?.value === undefined || text.value === '') return null
  const type = (text.type ?? '').toLowerCase()
  if (type === '' || type === 'text' || type === 'text/plain')
    return { text: text.value, html: looksLikeHtml(text.value) }
  if (/^(x?html|text\/.*|.*[/+]xml)$/.test(type)) return { text: text.value, html: true }
  return fromBase64(text.value)
}

/** Content of any other type is base64 (RFC 4287 §4.1.3.3); only what is text inside is of use. */
function fromBase64(value: string): Words | null {
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(value)) return { text: value, html: true }
  const text = Buffer.from(value, 'base64').toString('utf8')
  return /[\0-\x08\ufffd]/.test(text) ? null : { text, html: true }
}

const CLOSING_TAG = /<\/(a|b|i|u|p|em|strong|span|div|sub|sup|h[1-6]|ul|ol|li|code|blockquote|font|cite|q|small)\s*>/i
const EMPTY_TAG = /<(br|hr|img)\b[^>]*>/i
const ENTITY = /&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});/i

/** Many write HTML where the type says text, or says nothing; one mention of a tag is none yet. */
function looksLikeHtml(text: string): boolean {
  return CLOSING_TAG.test(text) || EMPTY_TAG.test(text) || ENTITY.test(text)
}
