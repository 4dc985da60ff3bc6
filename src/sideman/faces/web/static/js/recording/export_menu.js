// What can be taken out of a recording: stems as they are or at an even tempo, JAMS, the file that was added.
import { html, useState } from '../ui.js'
import { get, post } from '../api.js'
import { Dialog, Menu, MenuItem, Select } from '../kit/controls.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'

/** @param {{desk: import('./player.js').Desk}} props */
export function ExportMenu({ desk }) {
  const { recording, stems, timeline } = desk.song
  const [asking, setAsking] = useState(false)
  const [mixing, setMixing] = useState(false)
  const ask = async (/** @type {'exports' | 'mixes' | 'analyses'} */ what, /** @type {any} */ wish, /** @type {string} */ said) => {
    try {
      await post(`/recordings/${recording.id}/${what}`, wish)
      notify(said)
    } catch (error) {
      notifyError(error)
    }
  }
  const pack = (/** @type {any} */ wish = {}) => {
    setAsking(false)
    ask('exports', wish, text.recording.exporting)
  }
  const mix = (/** @type {any} */ wish) => {
    setMixing(false)
    ask('mixes', wish, text.recording.mixing)
  }
  const findNotes = () => ask('analyses', { engines: 'notes=basic-pitch', separate: false }, text.recording.findingNotes)
  const jams = async () => {
    try {
      const document_ = await get(`/recordings/${recording.id}/jams`)
      save(new Blob([JSON.stringify(document_, null, 1)], { type: 'application/json' }), `${recording.title}.jams`)
    } catch (error) {
      notifyError(error)
    }
  }
  const may = stems.length > 0 && mayEdit()
  return html`<${Menu} label=${text.recording.export} icon="download" caption=${text.recording.export}>
    <${MenuItem} icon="headphones" title=${text.recording.mix} hint=${text.recording.mixHint} disabled=${!mayEdit() || !lanesHeard(desk).length} onClick=${() => setMixing(true)} />
    <${MenuItem} icon="layers" title=${text.recording.stemsZip} hint=${text.recording.stemsZipHint} disabled=${!may} onClick=${() => pack()} />
    <${MenuItem} icon="layers" title=${text.recording.project} hint=${text.recording.projectHint} disabled=${!may} onClick=${() => pack({ project: true })} />
    <${MenuItem} icon="activity" title=${text.recording.evenZip} hint=${text.recording.evenZipHint} disabled=${!may || timeline.tempoBpm === null} onClick=${() => setAsking(true)} />
    <${MenuItem} icon="music" title=${text.recording.notes} hint=${text.recording.notesHint} disabled=${!may || timeline.tempoBpm === null} onClick=${findNotes} />
    <${MenuItem} icon="activity" title=${text.recording.jams} hint=${text.recording.jamsHint} onClick=${jams} />
    <${MenuItem} icon="file-music" title=${text.recording.file} hint=${text.recording.fileHint} onClick=${() => (location.href = `/api/v1/recordings/${recording.id}/file?attachment=true`)} /><//>
    ${mixing && html`<${MixDialog} desk=${desk} onClose=${() => setMixing(false)} onYes=${mix} />`}
    ${asking && html`<${EvenTempo} tempoBpm=${timeline.tempoBpm ?? 120} onClose=${() => setAsking(false)} onYes=${pack} />`}`
}

/** What is heard now, as lanes of a mix: faders are on the mixer's own scale, the square root of the gain. @param {import('./player.js').Desk} desk */
function lanesHeard(desk) {
  return desk.rows.filter(({ lane }) => desk.engine.audible(lane) && lane.volume.value > 0).map(({ lane, stem }) => ({
    stemId: stem?.id ?? null, gainDb: Math.max(-60, 40 * Math.log10(lane.volume.value)), pan: lane.pan.value,
  }))
}

/** @param {{desk: import('./player.js').Desk, onClose: () => void, onYes: (wish: any) => void}} props */
function MixDialog({ desk, onClose, onYes }) {
  const [fileFormat, setFormat] = useState('wav')
  const [targetLufs, setTarget] = useState('-14')
  const heard = desk.rows.filter(({ lane }) => desk.engine.audible(lane)).map((row) => row.title)
  const changed = desk.engine.tempo.value !== 1 || desk.engine.semitones.value !== 0
  const submit = (/** @type {Event} */ e) => {
    e.preventDefault()
    onYes({ lanes: lanesHeard(desk), fileFormat, targetLufs: Number(targetLufs) })
  }
  return html`<${Dialog} title=${text.recording.mix} onClose=${onClose}><form onSubmit=${submit}>
    <p>${text.recording.mixOf(heard.join(', '))}</p>${changed && html`<p class="hint">${text.recording.mixPlain}</p>`}
    <${Select} label=${text.recording.format} value=${fileFormat} options=${[['wav', 'WAV'], ['flac', 'FLAC'], ['mp3', 'MP3']]} onChange=${setFormat} />
    <label class="field"><span>${text.recording.loudness}</span><input type="number" min="-40" max="-5" step="0.5" required value=${targetLufs} onInput=${(/** @type {any} */ e) => setTarget(e.target.value)} /></label>
    <footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary">${text.recording.export}</button></footer></form><//>`
}

/** @param {{tempoBpm: number, onClose: () => void, onYes: (wish: any) => void}} props */
function EvenTempo({ tempoBpm, onClose, onYes }) {
  const [bpm, setBpm] = useState(String(Math.round(tempoBpm)))
  const [project, setProject] = useState(false)
  const submit = (/** @type {Event} */ e) => {
    e.preventDefault()
    onYes({ tempoBpm: Number(bpm), project })
  }
  return html`<${Dialog} title=${text.recording.evenZip} onClose=${onClose}><form onSubmit=${submit}>
    <p>${text.recording.evenAbout}</p>
    <label class="field"><span>${text.recording.evenTempo}</span><input type="number" step="any" min=${Math.ceil(tempoBpm / 2)} max=${Math.floor(tempoBpm * 2)} required value=${bpm} onInput=${(/** @type {any} */ e) => setBpm(e.target.value)} /></label>
    <label class="check"><input type="checkbox" checked=${project} onChange=${(/** @type {any} */ e) => setProject(e.target.checked)} /><span>${text.recording.asProject}</span></label>
    <footer><button type="button" class="btn" onClick=${onClose}>${text.common.cancel}</button><button class="btn primary">${text.recording.export}</button></footer></form><//>`
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
