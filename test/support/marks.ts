import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'

/** A text that stands nowhere but in one credential: letters and digits, so that every carrier takes it. */
export function mark(): string {
  return `mk${randomBytes(15).toString('hex')}`
}

/**
 * Every form in which a secret may be met: as it is, in another case, percent-encoded, escaped for JSON, in hex, UTF-16, and in
 * base64 and base64url wherever in a longer text it stood, once or twice over (a token within a subprotocol).
 */
export function formsOf(secret: string): readonly string[] {
  const once = encodings(secret)
  return [...new Set([secret, ...once, ...once.flatMap(base64Forms)])]
}

function encodings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  return [
    secret.toLowerCase(),
    secret.toUpperCase(),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    hex,
    hex.toUpperCase(),
    hex.replace(/../g, '%$&'),
    hex.toUpperCase().replace(/../g, '%$&'),
    hex.replace(/../g, '\\u00$&'),
    Buffer.from(secret, 'utf16le').toString('latin1'),
    ...base64Forms(secret),
  ]
}

/**
 * What a text leaves in the base64 of whatever holds it: one form for each of the three places where a group of three bytes may
 * begin, without the characters at the ends, which depend on the neighbours.
 */
function base64Forms(text: string): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.from('\0'.repeat(before) + text)
    const whole = bytes.subarray(before === 0 ? 0 : 3, bytes.length - (bytes.length % 3))
    return [whole.toString('base64'), whole.toString('base64url')]
  })
}

/** Hears all that a server says anywhere, and knows afterwards where a secret was among it. */
export class Witness {
  readonly #heard: { readonly where: string; readonly text: string }[] = []

  /** Takes down texts and bytes as they are, and anything else as a printer and a serialiser show it, causes and all. */
  hear(where: string, ...said: readonly unknown[]): void {
    for (const one of said) for (const text of textsOf(one)) this.#heard.push({ where, text })
  }

  /** How much was heard somewhere. */
  count(where: string): number {
    return this.#heard.filter((one) => one.where === where).length
  }

  /** Where any form of these secrets was heard, with what stood before it. */
  findings(secrets: Readonly<Record<string, string>>): readonly string[] {
    const looked = Object.entries(secrets).map(([name, secret]) => ({ name, forms: formsOf(secret) }))
    const found = this.#heard.flatMap(({ where, text }) =>
      looked.flatMap(({ name, forms }) => {
        const form = forms.find((one) => text.includes(one))
        return form === undefined ? [] : [`${where}: ${name} after ${preceding(text, form)}`]
      }),
    )
    return [...new Set(found)]
  }
}

function preceding(text: string, form: string): string {
  const at = text.indexOf(form)
  return JSON.stringify(text.slice(Math.max(0, at - 40), at))
}

function textsOf(said: unknown): readonly string[] {
  if (typeof said === 'string') return [said]
  if (said instanceof Uint8Array) return [Buffer.from(said).toString('latin1')]
  const shown = inspect(said, {
    depth: 12,
    showHidden: true,
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: Number.POSITIVE_INFINITY,
  })
  return [shown, ...serialised(said), ...(said instanceof Error ? [said.stack ?? '', String(said)] : [])]
}

function serialised(said: unknown): readonly string[] {
  try {
    return [JSON.stringify(said) ?? '']
  } catch {
    // a circle has no JSON, so it is never written as JSON
    return []
  }
}
