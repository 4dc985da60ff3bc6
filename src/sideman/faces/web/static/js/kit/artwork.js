// A recording's picture, or one made from its title.
import { html } from '../ui.js'
import { text } from '../text.js'

/** @param {{recording: {title: string, artworkUrl: string | null}, size: number}} props */
export function Artwork({ recording, size }) {
  if (recording.artworkUrl) return html`<img class="artwork" src=${recording.artworkUrl} width=${size} height=${size} alt=${text.library.artwork(recording.title)} loading="lazy" />`
  let x = 2166136261
  for (const sign of recording.title) x = Math.imul(x ^ (sign.codePointAt(0) ?? 0), 16777619)
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) // titles that differ in their last sign look different too
  x = (x ^ (x >>> 12)) >>> 0
  const [h1, shift] = [x % 360, x >> 4]
  const h2 = (h1 + 40 + (shift % 90)) % 360
  const id = `art${x}`
  return html`<svg class="artwork" width=${size} height=${size} viewBox="0 0 60 60" aria-hidden="true">
    <defs><linearGradient id=${id} x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color=${`oklch(.62 .17 ${h1})`} /><stop offset="1" stop-color=${`oklch(.34 .11 ${h2})`} /></linearGradient></defs>
    <rect width="60" height="60" fill=${`url(#${id})`} /><circle cx=${14 + (shift % 60) * 0.6} cy="43" r="23" fill="#fff" opacity=".13" /><circle cx="48" cy=${8 + (shift % 60) * 0.4} r="13" fill="#000" opacity=".16" /></svg>`
}
