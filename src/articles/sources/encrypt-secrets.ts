import { and, asc, eq, gt, sql } from 'drizzle-orm'
import type { Database } from '../../db/client.ts'
import { source } from '../../db/schema/source.ts'
import { mapSecrets, type SecretCipher, type Secrets } from './secrets.ts'

const AT_ONCE = 500

/**
 * Encrypts anew what sources keep in clear, as it was formerly, or under a SECRET that is no longer the first, so that the
 * old one can be left out. What cannot be decrypted stays as it is. Returns how many sources were changed.
 */
export async function encryptSecrets(db: Database, cipher: SecretCipher): Promise<number> {
  let changed = 0
  let after = 0
  for (;;) {
    const rows = await db
      .select({ id: source.id, password: source.password, headers: source.headers })
      .from(source)
      .where(and(gt(source.id, after), sql`(${source.password} is not null or ${source.headers} is not null)`))
      .orderBy(asc(source.id))
      .limit(AT_ONCE)
    for (const row of rows) if (await encryptOne(db, row, cipher)) changed += 1
    const last = rows.at(-1)
    if (last === undefined || rows.length < AT_ONCE) return changed
    after = last.id
  }
}

async function encryptOne(
  db: Database,
  row: Secrets & { readonly id: number },
  cipher: SecretCipher,
): Promise<boolean> {
  const renewed = mapSecrets(row, (text) => (cipher.isCurrent(text) ? text : renew(text, cipher)))
  if (JSON.stringify(renewed) === JSON.stringify({ password: row.password, headers: row.headers })) return false
  // Not where somebody has changed it meanwhile.
  const headers = row.headers === null ? null : JSON.stringify(row.headers)
  const isSame = sql`${source.password} is not distinct from ${row.password}
    and ${source.headers} is not distinct from ${headers}::jsonb`
  const done = await db
    .update(source)
    .set(renewed)
    .where(and(eq(source.id, row.id), isSame))
    .returning({ id: source.id })
  return done.length > 0
}

function renew(kept: string, cipher: SecretCipher): string {
  let text: string
  try {
    text = cipher.decrypt(kept)
  } catch {
    return kept
  }
  return cipher.encrypt(text)
}
