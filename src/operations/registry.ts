import type { z } from 'zod'
import { articleOperations } from './articles.ts'
import { auditOperations } from './audit.ts'
import { digestOperations } from './digests.ts'
import { editionOperations } from './editions.ts'
import { feedOperations } from './feeds.ts'
import { newsletterOperations } from './newsletters.ts'
import { noticeOperations } from './notices.ts'
import type { Operation } from './operation.ts'
import { schedulingOperations } from './scheduling.ts'
import { sourceOperations } from './sources.ts'
import { subscriberOperations } from './subscribers.ts'
import { suppressionOperations } from './suppressions.ts'

/** An operation of any input and output. */
type AnyOperation = Operation<z.ZodType, unknown, never>

/** All operations. Commands and pages import the file of their noun instead, since this one loads them all. */
export const OPERATIONS: readonly AnyOperation[] = [
  newsletterOperations,
  sourceOperations,
  articleOperations,
  subscriberOperations,
  suppressionOperations,
  digestOperations,
  editionOperations,
  noticeOperations,
  feedOperations,
  schedulingOperations,
  auditOperations,
].flatMap((operations) => Object.values(operations) as unknown as AnyOperation[])
