// The dialogs of a song: its names, key, chords; those of its grid and its form are in grid_dialogs.js.
import { html, useState } from '../ui.js'
import { patch } from '../api.js'
import { Dialog, Select } from '../kit/controls.js'
import { KEYS } from '../library/search.js'
import { chordName, keyName, usesFlats } from '../music.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'
import { extent } from './correcting.js'
import { Buttons, Form } from './dialog_form.js'
import { MeterDialog, SectionDialog, TempoDialog } from './grid_dialogs.js'

/** The dialog that is open, if any. @param {{desk: import('./player.js').Desk, reload: () => void}} props */
export function EditDialog({ desk, reload }) {
  const editing = desk.editing.value
  const close = () => (desk.editing.value = null)
  if (editing?.kind === 'chord') return html`<${ChordDialog} key=${editing.startS} desk=${desk} chord=${editing} reload=${reload} onClose=${close} />`
  if (editing?.kind === 'section') return html`<${SectionDialog} key=${editing.startS} desk=${desk} section=${editing} reload=${reload} onClose=${close} />`
  if (editing?.kind === 'meter') return html`<${MeterDialog} desk=${desk} reload=${reload} onClose=${close} />`
  if (editing?.kind === 'tempo') return html`<${TempoDialog} desk=${desk} reload=${reload} onClose=${close} />`
  if (editing?.kind === 'key') return html`<${KeyDialog} desk=${desk} reload=${reload} onClose=${close} />`
  if (editing?.kind === 'names') return html`<${NamesDialog} desk=${desk} reload=${reload} onClose=${close} />`
  return null
}

/** @param {import('./dialog_form.js').Props & {chord: import('./correcting.js').Span}} props */
function ChordDialog({ chord, ...props }) {
  const [name, setName] = useState(chord.label && chordName(chord.label, 0, usesFlats(props.desk.song.timeline.key?.name ?? null)))
  return html`<${Form} ...${props} title=${text.recording.chordTitle} kind="set-chord" values=${() => ({ start_s: chord.startS, end_s: chord.endS, chord: name })}>
    <label class="field"><span>${text.recording.chordName}</span><input type="text" required autofocus maxlength="40" value=${name} onInput=${(/** @type {any} */ e) => setName(e.target.value)} /></label><p class="hint">${text.recording.chordHint}</p><p class="hint">${extent(props.desk, chord)}</p><//>`
}

/** @param {import('./dialog_form.js').Props} props */
function KeyDialog(props) {
  const known = props.desk.song.timeline.key?.name ?? 'C major'
  const [key, setKey] = useState(KEYS.find((k) => keyName(k) === keyName(known)) ?? KEYS[0])
  return html`<${Form} ...${props} title=${text.recording.keyTitle} kind="set-key" values=${() => ({ key })}>
    <${Select} label=${text.recording.keyTitle} value=${key} options=${KEYS.map((k) => [k, keyName(k)])} onChange=${setKey} /><//>`
}

/** @param {{desk: import('./player.js').Desk, reload: () => void, onClose: () => void}} props */
function NamesDialog({ desk, reload, onClose }) {
  const { recording } = desk.song
  const [title, setTitle] = useState(recording.title)
  const [artist, setArtist] = useState(recording.artist)
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault()
    try {
      await patch(`/recordings/${recording.id}`, { title, artist })
      reload()
      onClose()
    } catch (error) {
      notifyError(error)
    }
  }
  const value = (/** @type {(v: string) => void} */ set) => (/** @type {any} */ e) => set(e.target.value)
  return html`<${Dialog} title=${text.recording.namesTitle} onClose=${onClose}><form onSubmit=${submit}>
    <label class="field"><span>${text.recording.songTitle}</span><input type="text" required autofocus maxlength="300" value=${title} onInput=${value(setTitle)} /></label>
    <label class="field"><span>${text.recording.artist}</span><input type="text" maxlength="300" value=${artist} onInput=${value(setArtist)} /></label>
    <${Buttons} onClose=${onClose} /></form><//>`
}
