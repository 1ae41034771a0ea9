import { z } from 'zod'
import { listAudit } from './audit-log.ts'
import { listLimit } from './fields.ts'
import { unaudited } from './operation.ts'

/** Operations on the audit log. */
export const auditOperations = {
  /** Lists the latest changes: when, by whom, which operation, on what. */
  list: unaudited({
    name: 'audit.list',
    right: 'audit.read',
    input: z.object({ limit: listLimit }),
    run: ({ db }, { limit }) => listAudit(db, limit),
  }),
}
