import { behaves } from './site.ts'
import { koaSite } from '../../../examples/frameworks/koa.ts'

behaves(koaSite)
