import type { z } from 'zod'
import { digestOperations } from './digests.ts'
import { editionOperations } from './editions.ts'
import { newsletterOperations } from './newsletters.ts'
import type { Operation } from './operation.ts'

/** An operation of any input and output. */
export type AnyOperation = Operation<z.ZodType, unknown, never>

/** Every operation there is. Doors import the file of their noun instead: this one loads all of them. */
export const OPERATIONS: readonly AnyOperation[] = [
  ...Object.values(newsletterOperations),
  ...Object.values(editionOperations),
  ...Object.values(digestOperations),
].map((operation) => operation as unknown as AnyOperation)
