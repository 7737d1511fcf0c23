import { behaves } from './site.ts'
import { expressSite } from '../../../examples/frameworks/express.ts'

behaves(expressSite)
