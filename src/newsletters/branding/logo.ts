import { linkable, plainLine } from '../../locale/clean-line.ts'

/** A newsletter's logo as set; sizes in CSS pixels. `darkUrl` is its variant for a dark ground. */
export type Logo = {
  readonly url: string
  readonly darkUrl: string | null
  readonly alt: string | null
  readonly width: number
  readonly height: number
  /** In place of the name, or before it. */
  readonly place: 'instead' | 'beside'
}

/** A logo as a template shows it. */
export type ShownLogo = Pick<Logo, 'url' | 'darkUrl' | 'width' | 'height'> & {
  readonly alt: string
  readonly isBeside: boolean
}

/** A newsletter's columns of its logo. */
type LogoColumns = {
  readonly logoUrl: string | null
  readonly logoDarkUrl: string | null
  readonly logoAlt: string | null
  readonly logoWidth: number | null
  readonly logoHeight: number | null
  readonly logoPlace: Logo['place']
}

/** The logo these columns say; null without an address or a size. */
export function readLogo(row: LogoColumns): Logo | null {
  const { logoUrl: url, logoWidth: width, logoHeight: height } = row
  if (url === null || width === null || height === null) return null
  return { url, width, height, darkUrl: row.logoDarkUrl, alt: row.logoAlt, place: row.logoPlace }
}

/**
 * A logo for the masthead. In place of the name it says the name to whom does not see it; beside the name, unless it has
 * a text of its own, it says nothing.
 */
export function composeLogo(logo: Logo | null, name: string): ShownLogo | null {
  const url = logo && linkable(logo.url)
  if (!logo || !url) return null
  const isBeside = logo.place === 'beside'
  return {
    url,
    darkUrl: logo.darkUrl === null ? null : linkable(logo.darkUrl),
    alt: plainLine(logo.alt ?? '') || (isBeside ? '' : name),
    width: logo.width,
    height: logo.height,
    isBeside,
  }
}
