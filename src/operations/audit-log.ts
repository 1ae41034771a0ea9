import { desc } from 'drizzle-orm'
import type { Temporal } from '../clock.ts'
import type { Database } from '../db/client.ts'
import { auditLog } from '../db/schema/audit.ts'
import type { AuditDetails } from './operation.ts'
import type { Actor } from './rights.ts'

/** Writes the audit line of an operation. */
export async function writeAudit(
  db: Database,
  actor: Actor,
  operation: string,
  { subject, details = {} }: AuditDetails,
  now: Temporal.Instant,
): Promise<void> {
  await db.insert(auditLog).values({
    at: now,
    actorKind: actor.kind,
    actorName: actor.name,
    operation,
    subject: subject === null ? null : String(subject),
    details: { ...details },
  })
}

/** Lists the latest audit lines. */
export async function listAudit(db: Database, limit: number) {
  return db.select().from(auditLog).orderBy(desc(auditLog.id)).limit(limit)
}
