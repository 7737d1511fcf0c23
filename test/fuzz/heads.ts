import { carrierProtocol } from '../../src/wire/carrier.ts'
import { mutated, Random } from './random.ts'

/** The credentials that a run accepts. A client that is let in has sent one of them, letter for letter. */
export interface Keys {
  readonly token: string
  readonly key: string
  readonly cookie: string
}

/** Keys of a run: nothing that chance makes up is one of them. */
export function keysOf(seed: number): Keys {
  const random = new Random(seed)
  const secret = (): string => `z${random.bytes(12).toString('hex')}`
  return { token: secret(), key: `k${secret()}`, cookie: secret() }
}

export const host = 'app.example'
export const allowedOrigins: readonly string[] = ['https://app.example', 'http://127.0.0.1']

/** What a good request holds, and what other ones do. */
const usual = {
  target: '/ws/lines',
  version: 'HTTP/1.1',
  Host: host,
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
} as const

const unusual: Readonly<Record<keyof typeof usual, readonly string[]>> = {
  target: [
    '/ws/lines/',
    '/ws/chat/lobby',
    '/ws/chat/%6cobby',
    '/ws/chat/..',
    '/ws/chat/%2e%2e/',
    '/ws/chat/%00',
    '/ws/chat/%ff',
    '/',
    '*',
    '//ws/lines',
    '/ws/lines#x',
    'http://app.example/ws/lines',
    '/ws/chat/a%2fb',
    `/ws/chat/${'x'.repeat(129)}`,
    '',
  ],
  version: ['HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', 'http/1.1', 'HTTP/1.10', ''],
  Host: [
    '127.0.0.1',
    'localhost:8000',
    'evil.example',
    'app.example.evil.example',
    'app.example:0',
    'a@app.example',
    '[::1]',
    '',
    'app.example, evil.example',
    'APP.EXAMPLE',
    'app.example.',
    'app.example/..',
    'app.example:99999',
  ],
  Connection: [
    'keep-alive, Upgrade',
    'close',
    'upgrade, close',
    'Upgrade, Upgrade',
    'UPGRADE',
    'HTTP2-Settings, Upgrade',
  ],
  Upgrade: ['WebSocket', 'h2c', 'websocket, h2c', 'websocket/13', ''],
  'Sec-WebSocket-Version': ['8', '13, 8', '', '013', '+13'],
}
const origins = [
  'https://evil.example',
  'https://app.example.evil.example',
  'null',
  'https://app.example/',
  'https://app.example:443',
  'https://APP.example',
  'http://app.example',
  'https://app.example https://evil.example',
  'https://app.example@evil.example',
  '',
]

function part(name: keyof typeof usual, random: Random): string {
  return random.percent(93) ? usual[name] : random.pick(unusual[name])
}

/** The bytes of an upgrade request, more or less. */
export function oddHead(keys: Keys, random: Random): string {
  const names = ['Host', 'Connection', 'Upgrade', 'Sec-WebSocket-Version'] as const
  const lines = [
    ...names.map((name) => [name, part(name, random)]),
    ['Sec-WebSocket-Key', random.percent(97) ? random.bytes(16).toString('base64') : random.junk(24)],
    ...carried(keys, random),
  ]
  if (random.percent(60)) lines.push(['Origin', random.pick(random.percent(75) ? allowedOrigins : origins)])
  if (random.percent(8)) lines.push([random.pick(extra), random.junk()])
  if (random.percent(4)) lines.push(random.pick(lines))
  if (random.percent(10)) lines.reverse()
  const target = `${part('target', random)}${query(keys, random)}`
  const method = random.percent(98) ? 'GET' : random.pick(['POST', 'get', 'CONNECT', 'OPTIONS', ''])
  const first = `${method} ${target} ${part('version', random)}`
  let head = [first, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
  for (let times = random.percent(25) ? 1 + random.below(3) : 0; times > 0; times--)
    head = mutated(head, random)
  return head
}

const extra = [
  'Content-Length',
  'Transfer-Encoding',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'Forwarded',
  'Expect',
  'Accept',
  'X-Note',
  'Cookie',
  'Authorization',
  'Sec-WebSocket-Extensions',
  'Proxy-Authorization',
  'Host',
  'Trailer',
  'Keep-Alive',
]

/** A good secret, or one that is nearly it. */
function nearly(secret: string, random: Random): string {
  return random.percent(50)
    ? secret
    : random.pick([
        secret.slice(1),
        `${secret}0`,
        secret.toUpperCase(),
        mutated(secret, random),
        random.junk(30),
        '',
      ])
}

function carried(keys: Keys, random: Random): string[][] {
  const lines: string[][] = []
  if (random.percent(25)) lines.push(['Authorization', authorization(keys, random)])
  if (random.percent(15)) lines.push([random.pick(['X-API-Key', 'x-api-key']), nearly(keys.key, random)])
  if (random.percent(40)) lines.push(['Cookie', cookies(keys, random)])
  if (random.percent(40)) lines.push(['Sec-WebSocket-Protocol', protocols(keys, random)])
  return lines
}

function authorization({ token, key }: Keys, random: Random): string {
  const value = nearly(random.pick([token, key]), random)
  const scheme = random.pick([
    'Bearer',
    'Bearer',
    'Bearer',
    'bearer',
    'BEARER',
    'Basic',
    'Token',
    '',
    'Bearer,',
    'Bearer Bearer',
  ])
  return random.percent(90)
    ? `${scheme} ${value}`
    : random.pick([
        value,
        `${scheme}  ${value}  `,
        `${scheme}\t${value}`,
        `${scheme} ${value}, ${scheme} ${value}`,
      ])
}

function cookies({ cookie }: Keys, random: Random): string {
  const value = nearly(cookie, random)
  const pairs = [`sid=${value}`, 'lang=en']
  if (random.percent(20))
    pairs.push(
      random.pick([
        `sid=${nearly(cookie, random)}`,
        `SID=${cookie}`,
        ` sid = ${value}`,
        `sid="${value}"`,
        'sid',
        '=',
        '__proto__=1',
        `sid=${encodeURIComponent(value)}`,
        'sid=%',
        random.junk(),
      ]),
    )
  if (random.percent(30)) pairs.reverse()
  return pairs.join(random.pick(['; ', '; ', ';', ', ', ' ']))
}

function protocols({ token }: Keys, random: Random): string {
  const value = nearly(token, random)
  const entries = [
    'sallyport.v1',
    'chat',
    carrierProtocol('bearer', value),
    carrierProtocol('ticket', value),
    `sallyport.bearer.${value}`,
    'token',
    value,
    'sallyport.bearer.',
    random.junk(),
  ]
  const list = Array.from({ length: 1 + random.below(3) }, () => random.pick(entries))
  if (random.percent(30))
    return random.pick([`token, ${value}`, `sallyport.v1, ${carrierProtocol('bearer', value)}`])
  return list.join(random.pick([', ', ',', ',,', ' ', ';']))
}

function query({ token, key }: Keys, random: Random): string {
  if (random.percent(65)) return ''
  const value = nearly(random.pick([token, key]), random)
  const pairs = [
    `token=${random.percent(80) ? value : encodeURIComponent(value)}`,
    `access_token=${value}`,
    `ticket=${value}`,
    'room=1',
    `%74oken=${value}`,
    `token`,
    `token==${value}`,
    `key=${value}`,
    random.junk(),
  ]
  return `?${Array.from({ length: 1 + random.below(2) }, () => random.pick(pairs)).join(random.pick(['&', '&', ';', '&&', '?']))}`
}
