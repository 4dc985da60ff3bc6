// Tempo and meter of the song, and the menu of all that can be corrected on the timeline.
import { html } from '../ui.js'
import { post } from '../api.js'
import { Menu, MenuItem } from '../kit/controls.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { correcting, sectionFrom, spanHere } from './correcting.js'
import { correctionName } from './song.js'

const GRID_KINDS = ['halve-tempo', 'double-tempo', 'move-bar-one', 'set-meter', 'move-beat', 'add-beat', 'remove-beat', 'take-alternative', 'set-tempo', 'set-beats']

/** @param {{desk: import('./player.js').Desk, reload: () => void}} props */
export function GridMenu({ desk, reload }) {
  const { timeline, corrections } = desk.song
  const mine = corrections.some((c) => GRID_KINDS.includes(c.kind))
  const readings = timeline.otherReadings.filter((r) => timeline.readingsWithBeats.includes(r[0]))
  const { correct, revert } = correcting(desk, reload)
  const free = timeline.tempoBpm === null
  const sure = Math.round((timeline.provenance.grid?.confidence ?? 0) * 100)
  const caption = free ? html`<span>${text.recording.noPulse}</span>` : html`<span class="num"><b>${Math.round(timeline.tempoBpm ?? 0)}</b> BPM</span><span class="num">${timeline.meter}</span>${mine && html`<span class="mine">${text.recording.byYou}</span>`}`
  if (!mayEdit()) return html`<span class="chip">${caption}</span>`
  return html`<${Menu} label=${text.recording.grid} kind="chip button" side="left" caption=${caption}>
    ${!free && html`<${MenuItem} icon="chevron-down" title=${text.recording.halve} onClick=${() => correct('halve-tempo')} /><${MenuItem} icon="chevron-up" title=${text.recording.double} onClick=${() => correct('double-tempo')} />
    <${MenuItem} icon="chevron-right" title=${text.recording.later} onClick=${() => correct('move-bar-one', { beats: 1 })} /><${MenuItem} icon="chevron-left" title=${text.recording.earlier} onClick=${() => correct('move-bar-one', { beats: -1 })} />
    <${MenuItem} icon="list" title=${text.correct.meter} onClick=${() => (desk.editing.value = { kind: 'meter' })} />`}
    <${MenuItem} icon="metronome" title=${text.correct.tempo} hint=${text.correct.tempoHint} onClick=${() => (desk.editing.value = { kind: 'tempo' })} />
    ${!free && html`<${BeatItems} desk=${desk} correct=${correct} />`}
    <hr /><${SpanItems} desk=${desk} />
    ${readings.length > 0 && html`<hr /><p class="menu-title">${text.recording.readings}</p>${readings.map((r) => html`<${MenuItem} key=${r.join()} icon="activity" title=${text.recording.reading(r[0], Math.round(r[1]), r[2])} hint=${text.recording.likely(Math.round(r[3] * 100))} onClick=${() => correct('take-alternative', { relation: r[0], tempo_bpm: r[1] })} />`)}`}
    <hr /><${MenuItem} icon="file-music" title=${text.recording.importAnnotations} hint=${text.recording.importHint} onClick=${() => pickAnnotations((file) => send(desk, file, reload))} />
    ${corrections.length > 0 && html`<hr /><p class="menu-title">${text.recording.corrections}</p>${corrections.map((c) => html`<${MenuItem} key=${c.id} icon="undo-2" title=${text.recording.revert(correctionName(c))} onClick=${() => revert(c.id)} />`)}`}
    ${!mine && !free && html`<p class="menu-title">${text.recording.confidence(sure)}</p>`}<//>`
}

/** Beats where the playhead is when a line of the menu is chosen. @param {{desk: import('./player.js').Desk, correct: (kind: string, values?: any) => any}} props */
function BeatItems({ desk, correct }) {
  const here = () => desk.engine.positionS()
  const nearest = () => desk.navigator.nearestBeat(here())
  const begin = () => {
    const before = desk.grid.positions[desk.grid.times.indexOf(nearest())] - 1
    if (before) correct('move-bar-one', { beats: before })
    else notify(text.correct.isBar)
  }
  return html`<hr /><p class="menu-title">${text.correct.atPlayhead}</p>
    <${MenuItem} icon="locate-fixed" title=${text.correct.barHere} onClick=${begin} />
    <${MenuItem} icon="timer" title=${text.correct.beatHere} onClick=${() => correct('move-beat', { from_s: nearest(), to_s: here() })} />
    <${MenuItem} icon="plus" title=${text.correct.addBeat} onClick=${() => correct('add-beat', { time_s: here() })} />
    <${MenuItem} icon="minus" title=${text.correct.removeBeat} onClick=${() => correct('remove-beat', { time_s: nearest() })} />`
}

/** Chords and sections where the playhead is, or as far as the loop goes. @param {{desk: import('./player.js').Desk}} props */
function SpanItems({ desk }) {
  return html`<${MenuItem} icon="music" title=${text.recording.chordHere} hint=${text.recording.chordHereHint} onClick=${() => (desk.editing.value = spanHere(desk, 'chord'))} />
    <${MenuItem} icon="tag" title=${text.correct.section} hint=${text.correct.sectionHint} onClick=${() => (desk.editing.value = spanHere(desk, 'section'))} />
    <${MenuItem} icon="skip-forward" title=${text.correct.sectionBegins} onClick=${() => (desk.editing.value = sectionFrom(desk))} />`
}

/** @param {import('./player.js').Desk} desk @param {File} file @param {() => void} reload */
async function send(desk, file, reload) {
  const form = new FormData()
  form.append('file', file)
  try {
    const made = await post(`/recordings/${desk.song.recording.id}/annotations`, form)
    notify(text.recording.imported(made.map((/** @type {{kind: string}} */ c) => text.recording.correctionNames[c.kind] ?? c.kind).join(', ')), 'good')
    reload()
  } catch (error) {
    notifyError(error)
  }
}

/** The system's file dialog. @param {(file: File) => void} use */
function pickAnnotations(use) {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = '.jams,.beats,.lab,.txt,.csv,.mid,.midi'
  input.addEventListener('change', () => input.files?.[0] && use(input.files[0]))
  input.click()
}
