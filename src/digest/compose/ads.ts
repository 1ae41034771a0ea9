import { linkable, plainLine, plainLines } from '../../locale/clean-line.ts'
import type { Locale } from '../../locale/locale.ts'
import { cutAtWord } from '../../locale/shorten.ts'

/** What fills an ad slot, as it was given; `text` may have several lines. */
export type Ad = {
  readonly title: string
  readonly text: string
  readonly url: string
  readonly advertiser: string
  readonly image: { readonly url: string; readonly alt: string } | null
}

/** A filled ad slot: clean plain text, a link only if a reader may follow it. */
export type AdSlot = {
  readonly title: string
  readonly text: readonly string[]
  readonly url: string | null
  readonly advertiser: string
  readonly picture: { readonly url: string; readonly alt: string } | null
}

const MAX_TITLE = 120
const MAX_LINE = 400
const MAX_LINES = 4
const MAX_ADVERTISER = 60

/** The slots that are filled: one whose ad says nothing takes no room. */
export function composeAdSlots(ads: readonly Ad[], locale: Locale): AdSlot[] {
  return ads.map((ad) => composeAdSlot(ad, locale)).filter(({ title }) => title !== '')
}

function composeAdSlot({ title, text, url, advertiser, image }: Ad, locale: Locale): AdSlot {
  const lines = plainLines(text)
  const heading = plainLine(title) || lines.shift() || plainLine(advertiser)
  const shown = cutAtWord(heading, MAX_TITLE, locale)
  const pictureUrl = image && linkable(image.url)
  return {
    title: shown,
    text: lines.slice(0, MAX_LINES).map((line) => cutAtWord(line, MAX_LINE, locale)),
    url: linkable(url),
    advertiser: cutAtWord(plainLine(advertiser), MAX_ADVERTISER, locale),
    picture: pictureUrl ? { url: pictureUrl, alt: plainLine(image?.alt ?? '') || shown } : null,
  }
}
