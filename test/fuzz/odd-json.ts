import type { Random } from './random.ts'

/** Values that some reader of JSON takes for another one; texts of JSON, so that what no serialiser writes is among them. */
const oddities = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '-1',
  '1.5',
  '1e3',
  '1E+2',
  '1e308',
  '1e400',
  '-1e400',
  '9007199254740993',
  '8.64e12',
  '8640000000001',
  '00',
  '01',
  '+1',
  '.5',
  '1.',
  '0x10',
  'NaN',
  'Infinity',
  'undefined',
  '""',
  '" "',
  '"7"',
  '"chat"',
  '"\\u0063hat"',
  '"\\ud800"',
  '"\\u0000"',
  '"é"',
  '"\u{1f600}"',
  "'7'",
  '[]',
  '{}',
  '["chat"]',
  '["chat",7]',
  '[["chat"]]',
  '["other"]',
  '{"chat":true}',
  '{"__proto__":1}',
  '{"constructor":1}',
  '{"\\u005f_proto__":1}',
  '[null]',
  '"https://issuer.example"',
  '"https://issuer.example/"',
  '["https://issuer.example"]',
] as const

/** An object's text in which members were changed, doubled, left out, or spelled as no serialiser would. */
export function oddObject(
  members: Readonly<Record<string, string>>,
  names: readonly string[],
  random: Random,
): string {
  const entries = Object.entries(members)
  for (let time = random.below(2); time >= 0; time--) {
    const name = random.pick(names)
    const at = entries.findIndex(([one]) => one === name)
    const value = random.percent(80) ? random.pick(oddities) : JSON.stringify(random.junk())
    if (at === -1 || random.percent(25)) entries.splice(random.below(entries.length + 1), 0, [name, value])
    else if (random.percent(20)) entries.splice(at, 1)
    else entries[at] = [name, value]
  }
  return spelled(entries, random)
}

function spelled(entries: readonly (readonly [string, string])[], random: Random): string {
  const space = random.percent(10) ? random.pick([' ', '\n', '\t', '\r', '\f', '\xa0', '\u2028', '/**/']) : ''
  const text = entries
    .map(([name, value]) => `${key(name, random)}${space}:${space}${value}`)
    .join(`,${space}`)
  const whole = `{${text}${random.percent(2) ? ',' : ''}}`
  if (!random.percent(6)) return whole
  return random.pick([
    `\ufeff${whole}`,
    `${whole}x`,
    `[${whole}]`,
    ` ${whole} `,
    whole.slice(0, -1),
    `${whole}\0`,
    deep(whole, random),
    '',
  ])
}

function key(name: string, random: Random): string {
  if (random.percent(97)) return JSON.stringify(name)
  return random.pick([
    `"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}"`,
    name,
    `'${name}'`,
    `"${name.toUpperCase()}"`,
    `"${name}\\u0000"`,
  ])
}

function deep(whole: string, random: Random): string {
  const levels = random.pick([10, 63, 64, 65, 200])
  return `${whole.slice(0, -1)},"deep":${'['.repeat(levels)}${']'.repeat(levels)}}`
}
