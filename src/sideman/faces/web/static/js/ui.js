// The one door to the carried libraries.
import htm from '../vendor/htm.js'
import { h, render } from '../vendor/preact.js'

export { useEffect, useLayoutEffect, useMemo, useRef, useState } from '../vendor/preact-hooks.js'
export { batch, computed, effect, signal } from '../vendor/signals.js'
export { render }

export const html = htm.bind(h)
