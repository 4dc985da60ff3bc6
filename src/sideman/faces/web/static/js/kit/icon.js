import { html } from '../ui.js'

const SPRITE = new URL('../../icons.svg', import.meta.url).pathname

/** @param {{name: string, label?: string}} props */
export function Icon({ name, label }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden=${label ? undefined : 'true'} role=${label ? 'img' : undefined} aria-label=${label}><use href=${`${SPRITE}#${name}`} /></svg>`
}
