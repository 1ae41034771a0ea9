import { describe, expect, it } from 'vitest'
import { cutAtMarkers, makeMarkers } from '../../../src/mail/mime/markers.ts'

const MANY = Array.from({ length: 12 }, (_, index) => `slot-${index}` as const)

describe('markers', () => {
  it('are letters and digits, new each time, and none begins with another', () => {
    const markers = Object.values(makeMarkers(MANY))
    expect(new Set([...markers, ...Object.values(makeMarkers(MANY))]).size).toBe(24)
    for (const marker of markers) {
      expect(marker).toMatch(/^[a-z0-9]{24,}$/)
      expect(markers.filter((other) => other.startsWith(marker))).toEqual([marker])
    }
  })

  it('cut a text into fixed pieces and slots, in order', () => {
    const markers = makeMarkers(['name', 'leave'])
    const text = `${markers.name}, hello ${markers.leave}${markers.name}`
    expect(cutAtMarkers(text, markers)).toEqual([
      { placeholder: 'name' },
      ', hello ',
      { placeholder: 'leave' },
      { placeholder: 'name' },
    ])
  })

  it('leave a text without them whole', () => {
    expect(cutAtMarkers('hello', makeMarkers(['name']))).toEqual(['hello'])
    expect(cutAtMarkers('hello', makeMarkers([]))).toEqual(['hello'])
    expect(cutAtMarkers('', makeMarkers(['name']))).toEqual([])
  })
})
