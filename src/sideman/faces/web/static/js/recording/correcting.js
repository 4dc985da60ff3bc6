// Corrections of what the analysis found: sent, taken back, asked for in small dialogs.
import { html, useState } from '../ui.js'
import { patch, post, remove } from '../api.js'
import { Dialog, Select } from '../kit/controls.js'
import { KEYS } from '../library/search.js'
import { chordName, keyName, usesFlats } from '../music.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'

/** @typedef {{kind: 'chord', startS: number, endS: number, label: string} | {kind: 'key'} | {kind: 'names'}} Editing what a dialog changes */

/** @param {import('./player.js').Desk} desk @param {() => void} reload */
export function correcting(desk, reload) {
  const at = `/recordings/${desk.song.recording.id}/corrections`
  const revert = async (/** @type {string} */ id) => {
    try {
      await remove(`${at}/${id}`)
      notify(text.recording.reverted, 'good')
      reload()
    } catch (error) {
      notifyError(error)
    }
  }
  const correct = async (/** @type {string} */ kind, /** @type {any} */ values = {}) => {
    try {
      const made = await post(at, { kind, values })
      notify(text.recording.corrected, 'good', { label: text.common.undo, run: () => revert(made.id) })
      reload()
      return true
    } catch (error) {
      notifyError(error)
      return false
    }
  }
  return { correct, revert }
}

/** The chord that sounds now, or else the first one, as what a dialog changes. @param {import('./player.js').Desk} desk @returns {Editing | null} */
export function chordHere(desk) {
  const now = desk.engine.positionS()
  const found = desk.song.timeline.chords.find(([start, end]) => start <= now && now < end) ?? desk.song.timeline.chords[0]
  return found ? { kind: 'chord', startS: found[0], endS: found[1], label: found[2] } : null
}

/** The dialog that is open, if any. @param {{desk: import('./player.js').Desk, reload: () => void}} props */
export function EditDialog({ desk, reload }) {
  const editing = desk.editing.value
  const close = () => (desk.editing.value = null)
  if (editing?.kind === 'chord') return html`<${ChordDialog} key=${editing.startS} desk=${desk} chord=${editing} reload=${reload} onClose=${close} />`
  if (editing?.kind === 'key') return html`<${KeyDialog} desk=${desk} reload=${reload} onClose=${close} />`
  if (editing?.kind === 'names') return html`<${NamesDialog} desk=${desk} reload=${reload} onClose=${close} />`
  return null
}

/** @param {{desk: import('./player.js').Desk, chord: {startS: number, endS: number, label: string}, reload: () => void, onClose: () => void}} props */
function ChordDialog({ desk, chord, reload, onClose }) {
  const [name, setName] = useState(chordName(chord.label, 0, usesFlats(desk.song.timeline.key?.name ?? null)))
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault()
    if (await correcting(desk, reload).correct('set-chord', { start_s: chord.startS, end_s: chord.endS, chord: name })) onClose()
  }
  return html`<${Dialog} title=${text.recording.chordTitle} onClose=${onClose}><form onSubmit=${submit}>
    <label class="field"><span>${text.recording.chordName}</span><input type="text" required autofocus maxlength="40" value=${name} onInput=${(/** @type {any} */ e) => setName(e.target.value)} /></label><p class="hint">${text.recording.chordHint}</p>
    <${Buttons} onClose=${onClose} /></form><//>`
}

/** @param {{desk: import('./player.js').Desk, reload: () => void, onClose: () => void}} props */
function KeyDialog({ desk, reload, onClose }) {
  const known = desk.song.timeline.key?.name ?? 'C major'
  const [key, setKey] = useState(KEYS.find((k) => keyName(k) === keyName(known)) ?? KEYS[0])
  const submit = async (/** @type {Event} */ e) => {
    e.preventDefault()
    if (await correcting(desk, reload).correct('set-key', { key })) onClose()
  }
  return html`<${Dialog} title=${text.recording.keyTitle} onClose=${onClose}><form onSubmit=${submit}>
    <${Select} label=${text.recording.keyTitle} value=${key} options=${KEYS.map((k) => [k, keyName(k)])} onChange=${setKey} />
    <${Buttons} onClose=${onClose} /></form><//>`
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

/** @param {{onClose: () => void}} props */
function Buttons({ onClose }) {
  return html`<footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary">${text.recording.save}</button></footer>`
}
