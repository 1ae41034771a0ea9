import { sql } from 'drizzle-orm'
import type { Database } from '../db/client.ts'

/** Which of these address hashes (in hex) nothing goes to. */
export async function findSuppressed(db: Database, hashes: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await db.execute<{ hash: string }>(sql`
    select encode(s.email_hash, 'hex') as hash
    from jsonb_array_elements_text(${JSON.stringify(hashes)}::jsonb) as w (hash)
    join suppression s on s.email_hash = decode(w.hash, 'hex')`)
  return new Set(found.rows.map((row) => row.hash))
}
