// Where a check can be taken out of a file: found in its syntax tree, as the places to replace and what stands there then.
import { parseAst } from 'vite'

/** One check less. */
export interface Mutant {
  readonly start: number
  readonly end: number
  readonly replacement: string
  readonly line: number
  /** The function that it is in and what is gone: says the same when lines move, and differs from all others of its file. */
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
  const seen = new Map<string, number>()
  const text = ({ start, end }: Node): string => source.slice(start, end)
  visit(parseAst(source, { lang: 'ts' }), [], (node, within) => {
    for (const { at, replacement, what } of checksOf(node, text)) {
      const name = [...within, what.replaceAll(/\s+/g, ' ')].join(': ')
      const count = (seen.get(name) ?? 0) + 1
      seen.set(name, count)
      found.push({
        start: at.start,
        end: at.end,
        replacement,
        line: source.slice(0, at.start).split('\n').length,
        what: count === 1 ? name : `${name} (${count})`,
      })
    }
  })
  return found
}

interface Check {
  readonly at: Node
  readonly replacement: string
  readonly what: string
}

/** The checks that a node of the syntax tree is itself, not those within it. */
function checksOf(node: Fields, text: (node: Node) => string): readonly Check[] {
  const without = (gone: Node, at: Node, replacement: string): Check => ({
    at,
    replacement,
    what: `without ${text(gone)}`,
  })
  if (node.type === 'IfStatement') {
    const test = field(node, 'test')
    return [{ at: test, replacement: 'false', what: `if (${text(test)}) never` }]
  }
  if (node.type === 'ExpressionStatement')
    return isRefusal(field(node, 'expression')) ? [without(node, node, ';')] : []
  if (node.type === 'ConditionalExpression') {
    const [consequent, alternate] = [field(node, 'consequent'), field(node, 'alternate')]
    return [
      ...(isRefusal(consequent) ? [without(consequent, node, text(alternate))] : []),
      ...(isRefusal(alternate) ? [without(alternate, node, text(consequent))] : []),
    ]
  }
  return node.type === 'LogicalExpression' ? checksOfLogic(node, text) : []
}

function checksOfLogic(node: Fields, text: (node: Node) => string): readonly Check[] {
  const [left, right] = [field(node, 'left'), field(node, 'right')]
  const operator = String(node['operator'])
  const withoutRight = { at: node, replacement: text(left), what: `without ${operator} ${text(right)}` }
  if (operator === '??') return right.type === 'Literal' || !isRefusal(right) ? [] : [withoutRight]
  return [withoutRight, { at: node, replacement: text(right), what: `without ${text(left)} ${operator}` }]
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

/** Tells of each node and of the names of what it is in: classes, functions, methods. */
function visit(
  node: unknown,
  within: readonly string[],
  see: (node: Fields, within: readonly string[]) => void,
): void {
  if (Array.isArray(node)) for (const one of node) visit(one, within, see)
  if (typeof node !== 'object' || node === null || !('type' in node) || typeof node.type !== 'string') return
  // whatever has a type is a node
  const here = node as Fields
  see(here, within)
  const name = nameOf(here)
  const inside = name === null ? within : [...within, name]
  for (const child of Object.values(here)) visit(child, inside, see)
}

function nameOf(node: Fields): string | null {
  if (!/^(?:FunctionDeclaration|ClassDeclaration|MethodDefinition|PropertyDefinition)$/.test(node.type))
    return null
  const named = (node['id'] ?? node['key']) as Fields | null
  if (named === null) return null
  return `${named.type === 'PrivateIdentifier' ? '#' : ''}${String(named['name'])}`
}
