// Where a check can be taken out of a file: found in its syntax tree, as the places to replace and what stands there then.
import { parseAst } from 'vite'

/** One check less. */
export interface Mutant {
  readonly start: number
  readonly end: number
  readonly replacement: string
  readonly line: number
  readonly what: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
}
type Fields = Node & Readonly<Record<string, unknown>>

/** Functions that refuse by being called. */
const refusing = /^(?:assert\w*|deny|refuse\w*|invalid|fail)$/

/** Every check of a source, taken out one at a time. */
export function mutantsOf(source: string): readonly Mutant[] {
  const found: Mutant[] = []
  const take = ({ start, end }: Node, replacement: string, what: string): void => {
    const line = source.slice(0, start).split('\n').length
    found.push({ start, end, replacement, line, what })
  }
  const text = ({ start, end }: Node): string => source.slice(start, end)
  visit(parseAst(source, { lang: 'ts' }), (node) => {
    if (node.type === 'IfStatement')
      take(field(node, 'test'), 'false', `if (${text(field(node, 'test'))}) never`)
    if (node.type === 'ExpressionStatement' && isRefusal(field(node, 'expression')))
      take(node, ';', `without ${text(node)}`)
    if (node.type === 'ConditionalExpression' && isRefusal(field(node, 'consequent')))
      take(node, text(field(node, 'alternate')), `without ${text(field(node, 'consequent'))}`)
    if (node.type === 'ConditionalExpression' && isRefusal(field(node, 'alternate')))
      take(node, text(field(node, 'consequent')), `without ${text(field(node, 'alternate'))}`)
    if (node.type === 'LogicalExpression') {
      const [left, right] = [field(node, 'left'), field(node, 'right')]
      if (node['operator'] === '??') {
        if (isRefusal(right)) take(node, text(left), `without ?? ${text(right)}`)
      } else {
        take(node, text(left), `without ${String(node['operator'])} ${text(right)}`)
        take(node, text(right), `without ${text(left)} ${String(node['operator'])}`)
      }
    }
  })
  return found.map((mutant) => ({ ...mutant, what: mutant.what.replaceAll(/\s+/g, ' ') }))
}

/** The source with one check less. */
export function mutated(source: string, { start, end, replacement }: Mutant): string {
  const without = `${source.slice(0, start)}${replacement === ';' ? ';' : `(${replacement})`}${source.slice(end)}`
  // one that does not even parse would be noticed by everybody
  parseAst(without, { lang: 'ts' })
  return without
}

function isRefusal(node: Fields): boolean {
  if (node.type === 'AwaitExpression') return isRefusal(field(node, 'argument'))
  if (node.type === 'Literal') return node['value'] === null || node['value'] === false
  const callee = node.type === 'CallExpression' ? field(node, 'callee') : null
  return callee?.type === 'Identifier' && refusing.test(String(callee['name']))
}

/** A child that this type of node has. */
function field(node: Fields, name: string): Fields {
  return node[name] as Fields
}

function visit(node: unknown, see: (node: Fields) => void): void {
  if (Array.isArray(node)) for (const one of node) visit(one, see)
  if (typeof node !== 'object' || node === null || !('type' in node) || typeof node.type !== 'string') return
  see(node as Fields)
  for (const child of Object.values(node)) visit(child, see)
}
