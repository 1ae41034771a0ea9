import { z } from 'zod'
import { audited } from './operation.ts'

/** Operations on notices. */
export const noticeOperations = {
  /** Retries the notices that were postponed after too many rejections; with `acceptRejections` ends them and suppresses each address. */
  resume: audited({
    name: 'notice.resume',
    right: 'system.run',
    input: z.object({ acceptRejections: z.boolean().default(false) }),
    run: async ({ db, clock }, { acceptRejections: accepted }) => {
      const { resumeNotices } = await import('../delivery/notices/notice-rejections.ts')
      return { resumed: await resumeNotices(db, clock.now(), accepted), accepted }
    },
    audit: { after: ({ resumed, accepted }) => ({ subject: null, details: { resumed, accepted } }) },
  }),
}
