// Where an open recording stands in the set list that it was opened from, and the ways to its neighbours.
import { html, useEffect, useState } from '../ui.js'
import { get } from '../api.js'
import { Icon } from '../kit/icon.js'
import { route } from '../router.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'
import { addressOf, recordingIn } from './store.js'

const PAGE = 200
/** @typedef {{id: string, title: string}} Song */
/** @typedef {{name: string, songs: Song[]}} Playing */

/** @param {string} id @returns {Promise<Playing>} */
async function load(id) {
  const { name } = await get(`/collections/${id}`)
  /** @type {Song[]} */
  let songs = []
  for (let cursor = ''; cursor !== null; ) {
    const page = await get(`/recordings?collection=${id}&sort=position&descending=false&limit=${PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    songs = [...songs, ...page.items]
    cursor = page.nextCursor
  }
  return { name, songs }
}

/** @param {{recordingId: string}} props */
export function PlaceInSet({ recordingId }) {
  const id = route.value.query.get('set') ?? ''
  const [playing, setPlaying] = useState(/** @type {Playing | null} */ (null))
  useEffect(() => {
    setPlaying(null)
    if (id) load(id).then(setPlaying, notifyError)
  }, [id])
  const at = playing?.songs.findIndex((s) => s.id === recordingId) ?? -1
  if (!playing || at < 0) return null
  const step = (/** @type {Song | undefined} */ to, /** @type {string} */ label, /** @type {string} */ icon) => to
    ? html`<a class="icon-button" aria-label=${`${label}: ${to.title}`} title=${to.title} href=${`#${recordingIn(to.id, id)}`}><${Icon} name=${icon} /></a>`
    : html`<button class="icon-button" disabled aria-label=${label}><${Icon} name=${icon} /></button>`
  return html`<nav class="place" aria-label=${playing.name}>${step(playing.songs[at - 1], text.sets.before, 'chevron-left')}
    <a class="num" href=${`#${addressOf(id)}`} title=${playing.name}>${text.sets.place(at + 1, playing.songs.length)}</a>${step(playing.songs[at + 1], text.sets.after, 'chevron-right')}</nav>`
}
