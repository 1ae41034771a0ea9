import { expect } from 'vitest'
import { Temporal } from '../../src/clock.ts'

/** Instants are alike when they are the same moment: `toMatchObject` sees no fields in them, and took any two for alike. */
expect.addEqualityTesters([
  (one: unknown, other: unknown) =>
    one instanceof Temporal.Instant && other instanceof Temporal.Instant ? one.equals(other) : undefined,
])
