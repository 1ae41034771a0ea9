import { eq } from 'drizzle-orm'
import { newsletter } from '../../db/schema/newsletter.ts'
import type { Site } from '../context.ts'
import type { PageContent } from '../pages/show-page.ts'

/** The colour and headlines of a newsletter's pages; null for none. */
export async function brandingOf({ db }: Site, slug: string | undefined): Promise<PageContent['branding']> {
  if (slug === undefined) return null
  const rows = await db
    .select({
      accent: newsletter.accent,
      headlineColour: newsletter.headlineColour,
      headlineFont: newsletter.headlineFont,
    })
    .from(newsletter)
    .where(eq(newsletter.slug, slug))
    .limit(1)
  return rows[0] ?? null
}
