/** The testing kit: visits through both doors without a network, refusals as the wire shows them, a clock that waits, a layer that can be cut. */
export { type TestClock, testClock } from './testing/clock.ts'
export { type Ask, type RefreshAnswer } from './testing/inside.ts'
export { type TestLayer, testLayer } from './testing/layer.ts'
export { Refused } from './testing/refused.ts'
export { testPort, visit, type Visitor, type Who } from './testing/visit.ts'
