import { parseAtomFeed, parseJsonFeed, parseRdfFeed, parseRssFeed } from 'feedsmith'
import { CourantError } from '../../errors.ts'
import type { RawFeed } from '../raw-feed.ts'
import { decodeText } from './charset.ts'
import { readAtom } from './formats/atom.ts'
import { readJson } from './formats/json-feed.ts'
import { type Feed, type FeedItem, normalizeFeed } from './formats/normalize.ts'
import { readRdf, readRss } from './formats/rss.ts'
import { readSitemap, sitemapKind } from './formats/sitemap.ts'
import { findXml, mendXml, type XmlDocument } from './formats/xml.ts'

export type { Feed, FeedItem }

/** Where a document came from: its media type may name the charset, relative links are relative to its URL. */
type Origin = { readonly contentType: string | null; readonly url: string | null }

/**
 * Reads a feed of any format, or a news sitemap.
 *
 * @throws CourantError `feed.invalid`, and nothing else.
 */
export function parseFeed(body: Buffer, { contentType, url }: Origin): Feed {
  const text = decodeText(body, contentType)
  return normalizeFeed(/^\s*\{/.test(text) ? parseJson(text) : parseXml(text, url), url)
}

function parseJson(text: string): RawFeed {
  try {
    return readJson(parseJsonFeed(text))
  } catch (cause) {
    throw invalid('It looks like JSON, yet is no JSON Feed.', cause)
  }
}

function parseXml(text: string, url: string | null): RawFeed {
  if (sitemapKind(text) !== null) return parseSitemap(text)
  const document = findXml(text)
  if (document === null) throw invalid('It has no <rss>, <rdf:RDF> or <feed> element.')
  try {
    return readXml(document, url)
  } catch {
    return parseMended(document, url)
  }
}

function parseSitemap(text: string): RawFeed {
  const news = readSitemap(text)
  if (news === null) throw invalid('It is a sitemap, yet names no news: no <news:title>.')
  return news
}

function parseMended(document: XmlDocument, url: string | null): RawFeed {
  try {
    return readXml({ ...document, text: mendXml(document.text) }, url)
  } catch (cause) {
    throw invalid('Its XML cannot be read.', cause)
  }
}

function readXml({ format, text }: XmlDocument, url: string | null): RawFeed {
  switch (format) {
    case 'rss':
      return readRss(parseRssFeed(text))
    case 'rdf':
      return readRdf(parseRdfFeed(text))
    case 'atom':
      return readAtom(parseAtomFeed(text), url)
  }
}

function invalid(why: string, cause?: unknown): CourantError {
  const todo = 'Check that the URL is that of a feed (RSS, Atom, RDF, JSON Feed or a news sitemap) and not of a page.'
  return new CourantError('feed.invalid', { what: 'The document is not a feed.', why, todo, cause })
}
