import { z } from 'zod'
import { audited } from './operation.ts'

/** Notices: mails that are no digest. */
export const noticeOperations = {
  /** Lets those go on that wait since too many were rejected; with `acceptRejections` they end, and each address is suppressed. */
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
