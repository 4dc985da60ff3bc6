// Title, facts, corrections, and what can be done with the recording.
import { html, useState } from '../ui.js'
import { clock } from '../format.js'
import { Artwork } from '../kit/artwork.js'
import { Icon } from '../kit/icon.js'
import { keyName } from '../music.js'
import { me, mayEdit } from '../session.js'
import { ShareDialog } from '../sets/dialogs.js'
import { PlaceInSet } from '../sets/place.js'
import { text } from '../text.js'
import { ExportMenu } from './export_menu.js'
import { GridMenu } from './grid_menu.js'

/** @param {{desk: import('./player.js').Desk, reload: () => void}} props */
export function Header({ desk, reload }) {
  const { recording, timeline, stems } = desk.song
  const [sharing, setSharing] = useState(false)
  const own = mayEdit() && (recording.ownerId === me.value?.userId || me.value?.role === 'admin')
  const semitones = desk.engine.semitones.value
  const key = keyName(timeline.key?.name ?? null, semitones)
  const keyChip = html`<b>${key}</b>${timeline.key && semitones === 0 && html`<small class="wide-only">${timeline.key.camelot}</small>`}`
  const toggle = (/** @type {'generate' | 'separate'} */ which) => (desk.drawer.value = desk.drawer.value === which ? '' : which)
  return html`<header class="song-head"><${Artwork} recording=${recording} size="52" />
    <div class="names"><h1>${mayEdit() ? html`<button class="rename" title=${text.recording.namesTitle} onClick=${() => (desk.editing.value = { kind: 'names' })}>${recording.title}</button>` : recording.title}</h1><div class="by">${recording.artist || text.common.unknownArtist}</div></div>
    <${PlaceInSet} recordingId=${recording.id} />
    <div class="facts"><span class="chip num"><b>${clock(desk.engine.durationS)}</b></span>
      <${GridMenu} desk=${desk} reload=${reload} />
      ${mayEdit() ? html`<button class="chip editable" aria-haspopup="dialog" aria-label=${`${text.recording.keyTitle}: ${key}`} title=${text.recording.keyTitle} onClick=${() => (desk.editing.value = { kind: 'key' })}>${keyChip}</button>` : html`<span class="chip" title=${timeline.key?.camelot ?? ''}>${keyChip}</span>`}
      <span class="chip num wide-only">${text.common.stems(stems.filter((s) => s.origin !== 'excerpt').length)}</span></div>
    <span class="grow"></span>
    ${mayEdit() && html`<button class="btn" aria-haspopup="dialog" aria-expanded=${desk.drawer.value === 'separate'} onClick=${() => toggle('separate')}><${Icon} name="layers" /><span class="wide-only">${text.recording.separate}</span></button>
      <button class="btn primary" aria-haspopup="dialog" aria-expanded=${desk.drawer.value === 'generate'} onClick=${() => toggle('generate')}><${Icon} name="wand-sparkles" />${text.recording.generate}</button>`}
    ${own && html`<button class="icon-button" aria-haspopup="dialog" aria-label=${text.share.open} title=${text.share.open} onClick=${() => setSharing(true)}><${Icon} name="users" /></button>`}
    <${ExportMenu} desk=${desk} />${sharing && html`<${ShareDialog} at=${`/recordings/${recording.id}`} title=${recording.title} hint=${text.share.ofRecording} ownerId=${recording.ownerId} onClose=${() => setSharing(false)} />`}</header>`
}
