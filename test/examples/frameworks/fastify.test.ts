import { behaves } from './site.ts'
import { fastifySite } from '../../../examples/frameworks/fastify.ts'

behaves(fastifySite)
