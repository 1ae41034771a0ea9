import type { z } from 'zod'
import { digestOperations } from './digests.ts'
import { editionOperations } from './editions.ts'
import { newsletterOperations } from './newsletters.ts'
import { noticeOperations } from './notices.ts'
import type { Operation } from './operation.ts'
import { subscriberOperations } from './subscribers.ts'
import { suppressionOperations } from './suppressions.ts'

/** An operation of any input and output. */
export type AnyOperation = Operation<z.ZodType, unknown, never>

/** Every operation there is. Doors import the file of their noun instead: this one loads all of them. */
export const OPERATIONS: readonly AnyOperation[] = [
  newsletterOperations,
  subscriberOperations,
  suppressionOperations,
  digestOperations,
  editionOperations,
  noticeOperations,
].flatMap((operations) => Object.values(operations) as unknown as AnyOperation[])
