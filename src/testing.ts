/** The testing kit: visits that authenticate and authorize without a network, refusals as the wire shows them, a clock that waits, a layer that can be cut. */
export { type TestClock, testClock } from './testing/clock.ts'
export { type Ask, type RefreshAnswer } from './testing/test-socket.ts'
export { type TestLayer, testLayer } from './testing/layer.ts'
export { VisitRefused } from './testing/visit-refused.ts'
export { testServer, visit, type TestVisitor, type Who } from './testing/visit.ts'
