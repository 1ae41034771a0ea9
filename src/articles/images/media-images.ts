import type { MediaNs } from 'feedsmith'
import type { RawImage } from '../raw-feed.ts'

type Content = MediaNs.Content

/** Some put the whole article here. */
const LONGEST_ALT = 500
const IMAGE_FILE = /\.(jpe?g|png|gif|webp|avif)([?#]|$)/i

/** The pictures of a Media RSS block (https://www.rssboard.org/media-rss): whole ones before thumbnails, the widest first. */
export function mediaImages(media: MediaNs.ItemOrFeed | undefined): RawImage[] {
  if (media === undefined) return []
  const contents = [...(media.contents ?? []), ...(media.groups ?? []).flatMap((group) => group.contents ?? [])]
  const pictures = contents.filter(isPicture).sort((a, b) => (b.width ?? 0) - (a.width ?? 0))
  const holders = [media, ...(media.groups ?? []), ...contents]
  const thumbnails = holders
    .flatMap((holder) => holder.thumbnails ?? [])
    .sort((a, b) => (b.width ?? 0) - (a.width ?? 0))
  const alt = (holder: Content | null) =>
    holder?.description?.value ?? holder?.title?.value ?? media.title?.value ?? null
  const whole = pictures.map((picture) => toImage(picture.url, alt(picture), picture))
  return [...whole, ...thumbnails.map((thumbnail) => toImage(thumbnail.url, alt(null), thumbnail))].filter(
    (image) => image !== null,
  )
}

function isPicture(content: Content): boolean {
  if (content.medium !== undefined) return content.medium.toLowerCase() === 'image'
  if (content.type !== undefined) return content.type.startsWith('image/')
  return IMAGE_FILE.test(content.url ?? '')
}

/** The pictures among attachments of any format. */
export function attachedImages(attachments: readonly { url?: string; type?: string }[]): RawImage[] {
  const pictures = attachments.filter(({ url, type }) =>
    type?.startsWith('image/') ? true : !/^(audio|video|text)\//.test(type ?? '') && IMAGE_FILE.test(url ?? ''),
  )
  return pictures.map(({ url }) => toImage(url, null)).filter((image) => image !== null)
}

/** A picture by its address, with what is known of it; null without one. */
export function toImage(
  url: string | undefined,
  alt: string | null = null,
  size: { readonly width?: number; readonly height?: number } = {},
): RawImage | null {
  if (url === undefined || url === '') return null
  return { url, alt: alt?.slice(0, LONGEST_ALT) ?? null, width: size.width ?? null, height: size.height ?? null }
}

/** What Media RSS says about an item that says nothing itself. */
export function mediaText(media: MediaNs.ItemOrFeed | undefined, field: 'title' | 'description'): string | undefined {
  return [media, ...(media?.groups ?? []), ...(media?.contents ?? [])].find((holder) => holder?.[field])?.[field]?.value
}
