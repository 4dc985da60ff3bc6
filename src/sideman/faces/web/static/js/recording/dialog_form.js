// A dialog that sends one correction, and its fields.
import { html } from '../ui.js'
import { Dialog } from '../kit/controls.js'
import { text } from '../text.js'
import { correcting } from './correcting.js'

/** @typedef {{desk: import('./player.js').Desk, reload: () => void, onClose: () => void}} Props */

/** @param {{onClose: () => void}} props */
export function Buttons({ onClose }) {
  return html`<footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary">${text.recording.save}</button></footer>`
}

/** Sends a correction. @param {Props & {title: string, kind: string, values: () => any, children: any}} props */
export function Form({ desk, reload, onClose, title, kind, values, children }) {
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault()
    if (await correcting(desk, reload).correct(kind, values())) onClose()
  }
  return html`<${Dialog} title=${title} onClose=${onClose}><form onSubmit=${submit}>${children}<${Buttons} onClose=${onClose} /></form><//>`
}

/** What is typed stays a text: `97.` is no number yet. @param {{label: string, value: string, min: number, max: number, step?: string, onInput: (v: string) => void}} props */
export function NumberField({ label, value, min, max, step = '1', onInput }) {
  return html`<label class="field"><span>${label}</span><input type="number" required min=${min} max=${max} step=${step} value=${value} onInput=${(/** @type {any} */ e) => onInput(e.target.value)} /></label>`
}
