// Short notices in a corner, said to screen readers too.
import { html, signal } from './ui.js'
import { Icon } from './kit/icon.js'
import { text } from './text.js'

const SHOWN_MS = 6000
/** @typedef {{id: number, kind: 'info' | 'good' | 'bad', message: string, action?: {label: string, run: () => void}}} Toast */
const toasts = signal(/** @type {Toast[]} */ ([]))
let last = 0

/** @param {string} message */
export function say(message) {
  const live = document.getElementById('live')
  if (live) live.textContent = message
}

/** @param {string} message @param {'info' | 'good' | 'bad'} [kind] @param {{label: string, run: () => void}} [action] */
export function notify(message, kind = 'info', action) {
  const toast = { id: ++last, kind, message, action }
  toasts.value = [...toasts.value.slice(-3), toast]
  say(message)
  if (kind !== 'bad') setTimeout(() => dismiss(toast.id), SHOWN_MS)
}

/** @param {unknown} error */
export function notifyError(error) {
  notify(error instanceof Error ? error.message : String(error), 'bad')
}

/** @param {number} id */
function dismiss(id) {
  toasts.value = toasts.value.filter((t) => t.id !== id)
}

const ICONS = { info: 'info', good: 'circle-check', bad: 'circle-alert' }

export function Toasts() {
  return html`<div class="toasts">${toasts.value.map((t) => html`
    <div class=${`toast ${t.kind}`} key=${t.id}>
      <${Icon} name=${ICONS[t.kind]} /><span>${t.message}</span>
      ${t.action && html`<button class="btn sm" onClick=${() => { t.action?.run(); dismiss(t.id) }}>${t.action.label}</button>`}
      <button class="icon-button" aria-label=${text.common.dismiss} onClick=${() => dismiss(t.id)}><${Icon} name="x" /></button>
    </div>`)}</div>`
}
