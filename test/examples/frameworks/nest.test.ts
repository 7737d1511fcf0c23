import { behaves } from './site.ts'
import { nestSite } from '../../../examples/frameworks/nest.ts'

behaves(nestSite)
