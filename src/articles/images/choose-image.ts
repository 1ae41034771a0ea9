import type { RawImage } from '../raw-feed.ts'
import { webUrl } from '../text/links.ts'
import { plainText } from '../text/plain-text.ts'

/** A picture to show with an article; sizes in pixels, where they are stated. */
export type Picture = {
  readonly url: string
  readonly alt: string | null
  readonly width: number | null
  readonly height: number | null
}

/** Narrower or lower than this is a button, a face or a counter, and no picture. */
const SMALLEST = 48
/** Narrower or lower than this is a thumbnail: shown where the item has nothing better. */
const THUMBNAIL = 200
/** Counters of readers, buttons, smileys and empty pictures, by the addresses they are known by. */
const NO_PICTURE =
  /\bvgwort\.de\/|feedburner\.com\/~|feedsportal\.com\/|doubleclick\.net\/|stats\.wordpress\.com\/|pixel\.wp\.com\/|google-analytics\.com\/|gravatar\.com\/avatar|s\.w\.org\/images\/core\/emoji|\/smil(ies|eys?)\/|\/emojis?\/|\/(pixel|spacer|blank|transparent|beacon|1x1|b)\.(gif|png)|[/_-]icons?([_-][^/]*)?\.(gif|png|svg)/i

/**
 * The picture of an item by rule: the best one that is named (`named`, the best first: Media RSS, enclosures, then what its
 * text says of itself as `og:image`), else the first of its text; one that is stated to be a thumbnail only where there is
 * no other; never a counting pixel or an icon. What the feed leaves unsaid is taken from the same picture in the text.
 */
export function choosePicture(
  named: readonly RawImage[],
  contentHtml: string | null,
  base: string | null,
): Picture | null {
  const shown = picturesOf(contentHtml)
  const pictures = [...named.flatMap((image) => readNamed(image, shown, base)), ...shown].filter(isPicture)
  return pictures.find((picture) => !isSmallerThan(THUMBNAIL, picture)) ?? pictures[0] ?? null
}

function readNamed(image: RawImage, shown: readonly Picture[], base: string | null): Picture[] {
  const url = webUrl(image.url, base)
  if (url === null) return []
  const alt = image.alt === null ? null : plainText(image.alt) || null
  const twin = shown.find((picture) => withoutQuery(picture.url) === withoutQuery(url))
  return [{ url, alt: alt ?? twin?.alt ?? null, width: pixels(image.width), height: pixels(image.height) }]
}

const isPicture = (picture: Picture) => !isSmallerThan(SMALLEST, picture) && !NO_PICTURE.test(picture.url)

const isSmallerThan = (least: number, { width, height }: Picture) => Math.min(width ?? least, height ?? least) < least

/** The pictures of a text that was sanitised, which always writes attributes in double quotes. */
function picturesOf(html: string | null): Picture[] {
  return (html?.match(/<img [^>]*>/g) ?? []).flatMap((tag) => {
    const url = attribute(tag, 'src')
    const size = (name: string) => pixels(Number(attribute(tag, name)))
    return url === null ? [] : [{ url, alt: attribute(tag, 'alt'), width: size('width'), height: size('height') }]
  })
}

function attribute(tag: string, name: string): string | null {
  const value = tag.match(new RegExp(` ${name}="([^"]*)"`))?.[1]
  return value === undefined ? null : plainText(value) || null
}

/** A whole number of pixels; a size of 0, or one that no picture has, says nothing. */
function pixels(size: number | null): number | null {
  return size !== null && size >= 1 && size <= 20_000 ? Math.round(size) : null
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, '')
}
