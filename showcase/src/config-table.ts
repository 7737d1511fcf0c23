import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { configTable } from './config.ts'

/** The page whose table is generated. */
export const configPage: string = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url))
const markers = /(<!-- begin: variables -->\n)[\s\S]*?(<!-- end: variables -->)/

/**
 * A page with the table between its two markers brought up to date.
 *
 * @throws Error when the page has no markers
 */
export function withTable(page: string): string {
  if (!markers.test(page))
    throw new Error('the page has no <!-- begin: variables --> and <!-- end: variables --> markers')
  return page.replace(markers, (_, begin: string, end: string) => `${begin}\n${configTable()}\n\n${end}`)
}

if (import.meta.main) writeFileSync(configPage, withTable(readFileSync(configPage, 'utf8')))
