import { generateKeyPairSync, sign } from 'node:crypto'

/** A private key and a certificate it signed itself, in PEM, for tests. */
export type Certificate = { readonly key: string; readonly cert: string }

/** Certifies `name` (a DNS name) from 2020 until the end of `lastYear`. X.509 v3 (RFC 5280), ECDSA with P-256. */
export function certify(name: string, lastYear = 2049): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(oid('2a8648ce3d040302')) // ecdsa-with-SHA256
  const subject = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from('Courant tests')))))
  const times = sequence(time('200101000000Z'), time(`${lastYear - 2000}1231235959Z`))
  const names = sequence(oid('551d11'), der(0x04, sequence(der(0x82, Buffer.from(name))))) // subjectAltName
  const body = sequence(
    der(0xa0, integer(2)),
    integer(1),
    algorithm,
    subject,
    times,
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(names)),
  )
  const signature = der(0x03, Buffer.of(0), sign('sha256', body, privateKey))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${sequence(body, algorithm, signature).toString('base64')}\n-----END CERTIFICATE-----\n`,
  }
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const size = content.length
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255]
  return Buffer.concat([Buffer.of(tag, ...length), content])
}

const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts)
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
const integer = (value: number) => der(0x02, Buffer.of(value))
const time = (utc: string) => der(0x17, Buffer.from(utc))
