import { behaves } from './site.ts'
import { honoSite } from '../../../examples/frameworks/hono.ts'

behaves(honoSite)
