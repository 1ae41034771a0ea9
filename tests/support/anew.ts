import { beforeEach } from 'vitest'

/** What `make` makes, behind one name and made anew before each test of the file; call it after `freshDatabase`. */
export async function anew<T extends object>(make: () => T | Promise<T>): Promise<T> {
  const thing = { ...(await make()) }
  beforeEach(async () => {
    Object.assign(thing, await make())
  })
  return thing
}
