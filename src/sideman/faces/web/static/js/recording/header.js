// Title, facts, corrections, and what can be done with the recording.
import { html, useState } from '../ui.js'
import { post } from '../api.js'
import { clock } from '../format.js'
import { Artwork } from '../kit/artwork.js'
import { Menu, MenuItem } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { keyName } from '../music.js'
import { me, mayEdit } from '../session.js'
import { ShareDialog } from '../sets/dialogs.js'
import { PlaceInSet } from '../sets/place.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { chordHere, correcting } from './correcting.js'
import { ExportMenu } from './export_menu.js'
import { correctionName } from './song.js'

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

const GRID_KINDS = ['halve-tempo', 'double-tempo', 'move-bar-one', 'set-meter', 'move-beat', 'add-beat', 'remove-beat', 'take-alternative', 'set-tempo', 'set-beats']

/** Tempo and meter, and one-click corrections of them. @param {{desk: import('./player.js').Desk, reload: () => void}} props */
function GridMenu({ desk, reload }) {
  const { recording, timeline, corrections } = desk.song
  const chord = timeline.chords.length > 0
  const mine = corrections.some((c) => GRID_KINDS.includes(c.kind))
  const readings = timeline.otherReadings.filter((r) => timeline.readingsWithBeats.includes(r[0]))
  const { correct, revert } = correcting(desk, reload)
  const send = async (/** @type {File} */ file) => {
    const form = new FormData()
    form.append('file', file)
    try {
      const made = await post(`/recordings/${recording.id}/annotations`, form)
      notify(text.recording.imported(made.map((/** @type {{kind: string}} */ c) => text.recording.correctionNames[c.kind] ?? c.kind).join(', ')), 'good')
      reload()
    } catch (error) {
      notifyError(error)
    }
  }
  const free = timeline.tempoBpm === null
  const sure = Math.round((timeline.provenance.grid?.confidence ?? 0) * 100)
  const caption = free ? html`<span>${text.recording.noPulse}</span>` : html`<span class="num"><b>${Math.round(timeline.tempoBpm ?? 0)}</b> BPM</span><span class="num">${timeline.meter}</span>${mine && html`<span class="mine">${text.recording.byYou}</span>`}`
  if (!mayEdit()) return html`<span class="chip">${caption}</span>`
  return html`<${Menu} label=${text.recording.grid} kind="chip button" side="left" caption=${caption}>
    ${!free && html`<${MenuItem} icon="chevron-down" title=${text.recording.halve} onClick=${() => correct('halve-tempo')} /><${MenuItem} icon="chevron-up" title=${text.recording.double} onClick=${() => correct('double-tempo')} />
    <${MenuItem} icon="chevron-right" title=${text.recording.later} onClick=${() => correct('move-bar-one', { beats: 1 })} /><${MenuItem} icon="chevron-left" title=${text.recording.earlier} onClick=${() => correct('move-bar-one', { beats: -1 })} />`}
    ${readings.length > 0 && html`<hr /><p class="menu-title">${text.recording.readings}</p>${readings.map((r) => html`<${MenuItem} key=${r.join()} icon="activity" title=${text.recording.reading(r[0], Math.round(r[1]), r[2])} hint=${text.recording.likely(Math.round(r[3] * 100))} onClick=${() => correct('take-alternative', { relation: r[0], tempo_bpm: r[1] })} />`)}`}
    ${chord && html`<hr /><${MenuItem} icon="music" title=${text.recording.chordHere} hint=${text.recording.chordHereHint} onClick=${() => (desk.editing.value = chordHere(desk))} />`}
    <hr /><${MenuItem} icon="file-music" title=${text.recording.importAnnotations} hint=${text.recording.importHint} onClick=${() => pickAnnotations(send)} />
    ${corrections.length > 0 && html`<hr /><p class="menu-title">${text.recording.corrections}</p>${corrections.map((c) => html`<${MenuItem} key=${c.id} icon="undo-2" title=${text.recording.revert(correctionName(c))} onClick=${() => revert(c.id)} />`)}`}
    ${!mine && !free && html`<p class="menu-title">${text.recording.confidence(sure)}</p>`}<//>`
}

/** The system's file dialog. @param {(file: File) => void} use */
function pickAnnotations(use) {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = '.jams,.beats,.lab,.txt,.csv,.mid,.midi'
  input.addEventListener('change', () => input.files?.[0] && use(input.files[0]))
  input.click()
}
