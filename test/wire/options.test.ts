import { describe, expect, it } from 'vitest'
import {
  aDuration,
  aFunction,
  checkedOptions,
  aString,
  either,
  having,
  oneOf,
  oneOrMore,
  orUndefined,
  strings,
  wholeFrom,
} from '../../src/wire/options.ts'

const kinds = { authorize: aFunction, lease: aDuration, secret: aString, on: orUndefined(aFunction) }
const refusal = (options: unknown): string => {
  try {
    checkedOptions('the endpoint', options, kinds)
    return 'taken'
  } catch (error) {
    return String(error)
  }
}

describe('options', () => {
  it('takes what is known and of its kind, and nothing at all', () => {
    expect(refusal({ authorize: () => true, lease: '5m', secret: 's' })).toBe('taken')
    expect(refusal({})).toBe('taken')
  })

  it.each([
    ['authorise', 'authorize'],
    ['autorize', 'authorize'],
    ['Authorize', 'authorize'],
    ['leese', 'lease'],
    ['laese', 'lease'],
    ['leas', 'lease'],
    ['om', 'on'],
    ['no', 'on'],
    ['xlease', 'lease'],
  ])('refuses %s and names %s', (name, meant) => {
    expect(refusal({ [name]: 1 })).toBe(
      `TypeError: the endpoint has no option '${name}': did you mean '${meant}'?`,
    )
  })

  it.each(['colour', 'nx', 'xo', 'nox'])('lists what there is when nothing is close to %s', (name) => {
    expect(refusal({ [name]: 1 })).toBe(
      `TypeError: the endpoint has no option '${name}': it takes authorize, lease, secret, on`,
    )
  })

  it.each([
    ['secret', '', 'an empty string'],
    ['secret', [], 'an array'],
    ['secret', Promise.resolve('s'), 'a promise'],
    ['secret', {}, 'an object'],
    ['secret', null, 'null'],
    ['authorize', 'a secret', 'a string'],
    ['lease', '5 minutes', "'5 minutes'"],
    ['lease', Number.NaN, 'NaN'],
    ['lease', {}, 'an object'],
  ])('says of a wrong %s of %o that it is %s', (name, value, told) => {
    expect(refusal({ [name]: value })).toContain(`, not ${told}`)
  })

  it.each(['__proto__', 'constructor', 'toString'])('refuses %s, which every object inherits', (name) => {
    const options = JSON.parse(`{"${name}":1}`) as unknown
    expect(refusal(options)).toContain(`has no option '${name}'`)
  })

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['secret', 'a string'],
    [Promise.resolve(), 'a promise'],
    [{}, 'an object'],
    [[], 'an array'],
    [Number.NaN, 'NaN'],
    [true, 'a boolean'],
  ])('refuses %o where a function belongs', (value, told) => {
    expect(refusal({ authorize: value })).toBe(
      `TypeError: the endpoint: the option 'authorize' is a function, not ${told}`,
    )
  })

  it('takes undefined for an option that may be it, and no other wrong value', () => {
    expect(refusal({ on: undefined })).toBe('taken')
    expect(refusal({ on: null })).toContain("the option 'on' is a function, not null")
  })

  it.each([null, undefined, 'x', 5, []])('refuses %o for the object of options', (options) => {
    expect(refusal(options)).toContain('the endpoint takes an object of options, not ')
  })

  it('repeats a wrong duration, and never a text that may be a secret', () => {
    expect(refusal({ lease: '5 min' })).toContain("not '5 min'")
    expect(refusal({ secret: ['hunter2'] })).not.toContain('hunter2')
    expect(refusal({ authorize: 'hunter2' })).not.toContain('hunter2')
  })

  it.each([
    [aDuration, [0, 250, '30s', '1.5h'], [-1, Number.NaN, Infinity, '', '5', ['5s'], null, 5n]],
    [aString, ['x'], ['', 5, null, undefined]],
    [oneOrMore('a name'), ['a', ['a', 'b']], ['', [], ['a', ''], [5], null]],
    [strings, [[], ['a']], ['a', [''], [5], null]],
    [wholeFrom(1), [1, 2 ** 40], [0, 1.5, '1', Infinity, Number.NaN, null, 1n]],
    [oneOf('a', 4, null), ['a', 4, null], ['b', '4', undefined]],
    [either(aFunction, oneOf(null)), [null, () => {}], [undefined, {}]],
    [having('now'), [{ now: () => 0 }], [{}, null, 'now', { now: 5 }]],
  ])('tells apart what is $wanted', (kind, right, wrong) => {
    for (const value of right) expect(kind.is(value)).toBe(true)
    for (const value of wrong) expect(kind.is(value)).toBe(false)
  })
})

describe('an option', () => {
  it('is read once: what a getter answers later is not what was checked, and is not taken', () => {
    let reads = 0
    const changing = {
      get authorize() {
        return ++reads === 1 ? () => null : undefined
      },
    }
    const checked = checkedOptions('the endpoint', changing, kinds)
    expect([typeof checked.authorize, typeof checked.authorize, reads]).toEqual(['function', 'function', 1])
  })

  it('that is a list is copied: what is added later was not checked', () => {
    const audience = ['api']
    const checked = checkedOptions('jwt()', { audience }, { audience: strings })
    audience.push('')
    expect(checked).toEqual({ audience: ['api'] })
  })
})
