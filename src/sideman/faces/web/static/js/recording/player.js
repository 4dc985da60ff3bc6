// The page of an analysed recording, put together.
import { html, signal, useEffect, useMemo, useRef, useState } from '../ui.js'
import { post } from '../api.js'
import { Icon } from '../kit/icon.js'
import { ORIGINAL } from '../player/engine.js'
import { chordName, usesFlats } from '../music.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { notifyError, say } from '../toasts.js'
import { EditDialog } from './edit_dialogs.js'
import { gridOf } from './drawing.js'
import { GenerateDrawer } from './generate.js'
import { Header } from './header.js'
import { KeyboardHelp, useKeyboard } from './keyboard.js'
import { Navigator } from './navigation.js'
import { SeparateDrawer } from './separate.js'
import { SILENT_AT_FIRST, laneTitle, parentRole } from './song.js'
import { Timeline } from './timeline.js'
import { Transport } from './transport.js'
import { View } from './view.js'

/** @typedef {import('./song.js').Song & {timeline: import('./song.js').Timeline, audio: import('../player/engine.js').AudioFacts}} AnalysedSong */
/** @typedef {{lane: import('../player/engine.js').LaneState, title: string, role: string, stem: import('./song.js').Stem | null}} Row */

/** What the parts of the page share. */
export class Desk {
  /** @param {AnalysedSong} song @param {import('../player/engine.js').Engine} engine */
  constructor(song, engine) {
    this.engine = engine
    this.view = new View(engine.durationS)
    this.follow = signal(true)
    this.drawer = signal(/** @type {'' | 'generate' | 'separate'} */ (''))
    this.help = signal(false)
    this.editing = signal(/** @type {import('./correcting.js').Editing | null} */ (null))
    /** Key of the lane that keys act on, the first one where it is not shown. */
    this.chosen = signal('')
    /** The lane that everything but is heard, if any. */
    this.without = signal('')
    this.song = song
    this.grid = gridOf(song.timeline.beats)
    this.navigator = new Navigator(engine, this.grid, song.timeline)
  }

  /** @param {AnalysedSong} song */
  take(song) {
    if (song.timeline !== this.song.timeline) {
      this.grid = gridOf(song.timeline.beats)
      this.navigator = new Navigator(this.engine, this.grid, song.timeline)
    }
    this.song = song
  }

  /** Lanes that are shown, in their order. @returns {Row[]} */
  get rows() {
    const stems = this.song.stems.flatMap((stem) => {
      const lane = this.engine.lane(stem.id)
      if (stem.origin === 'excerpt' && this.drawer.value !== 'separate') return []
      return lane ? [{ lane, title: laneTitle(stem), role: stem.role, stem }] : []
    })
    const original = this.engine.lane(ORIGINAL)
    if (original && (this.engine.original.value || !stems.length)) return [{ lane: original, title: text.recording.originalLane, role: 'original', stem: null }, ...stems]
    return stems
  }

  get chosenIndex() {
    return Math.max(0, this.rows.findIndex((row) => row.lane.key === this.chosen.value))
  }

  /** @param {number} index */
  choose(index) {
    this.chosen.value = this.rows[index]?.lane.key ?? ''
  }

  /** @param {string} label */
  chord(label) {
    const semitones = this.engine.semitones.value
    return chordName(label, semitones, usesFlats(this.song.timeline.key?.name ?? null, semitones))
  }

  /** @param {Row | undefined} row */
  mute(row) {
    if (!row || row.lane.key === ORIGINAL) return
    row.lane.mute.value = !row.lane.mute.value
    this.without.value = ''
    say(row.lane.mute.value ? text.lane.muted(row.title) : text.lane.on(row.title))
  }

  /** @param {Row | undefined} row */
  solo(row) {
    if (!row || row.lane.key === ORIGINAL) return
    row.lane.solo.value = !row.lane.solo.value
    say(row.lane.solo.value ? text.lane.soloed(row.title) : text.lane.soloOff(row.title))
  }

  /** Everything but this lane: one's own part is left to play. New stems keep silent. @param {Row | undefined} row */
  minus(row) {
    if (!row || row.lane.key === ORIGINAL) return
    const off = this.without.value === row.lane.key
    const parent = off ? undefined : parentRole(row.stem)
    this.engine.original.value = false
    for (const other of this.rows) {
      const extra = SILENT_AT_FIRST.includes(other.stem?.origin ?? '')
      const left = parent && (parentRole(other.stem) === parent ? other.lane.key !== row.lane.key : !extra && other.role !== parent) // its sister parts stand for the stem
      other.lane.solo.value = false
      other.lane.mute.value = parent ? !left : extra || (!off && other.lane.key === row.lane.key)
    }
    this.without.value = off ? '' : row.lane.key
    say(off ? text.lane.minusOff : text.lane.minus(row.title))
  }

  /** @param {'section' | 'bar'} unit */
  toggleLoop(unit) {
    const span = this.engine.loop.value ? null : this.navigator.around(unit)
    this.engine.setLoop(span)
    say(span ? text.transport.loopSet(span.name) : text.transport.loopOff)
  }
}

/** @param {{song: AnalysedSong, engine: import('../player/engine.js').Engine, reload: () => void}} props */
export function Player({ song, engine, reload }) {
  const desk = useMemo(() => new Desk(song, engine), [engine])
  desk.take(song)
  const [, redraw] = useState(0)
  const known = useRef(song)
  useEffect(() => {
    if (known.current !== song) redraw((n) => n + 1)
    known.current = song
  }, [song])
  useKeyboard(desk)
  return html`<main id="main" class="recording" tabindex="-1">
    ${song.recording.trashedAt && html`<${InTrash} id=${song.recording.id} reload=${reload} />`}
    <${Header} desk=${desk} reload=${reload} />
    <div class="stage"><${Timeline} desk=${desk} reload=${reload} />${desk.drawer.value === 'generate' && html`<${GenerateDrawer} desk=${desk} reload=${reload} />`}${desk.drawer.value === 'separate' && html`<${SeparateDrawer} desk=${desk} song=${song} />`}</div>
    <${Transport} desk=${desk} song=${song} />
    <${EditDialog} desk=${desk} reload=${reload} />
    ${desk.help.value && html`<${KeyboardHelp} onClose=${() => (desk.help.value = false)} />`}
  </main>`
}

/** @param {{id: string, reload: () => void}} props */
function InTrash({ id, reload }) {
  const restore = () => post(`/recordings/${id}/restore`).then(reload, notifyError)
  return html`<div class="in-trash" role="status"><${Icon} name="trash-2" /><span>${text.recording.inTrash}</span>${mayEdit() && html`<button class="btn sm" onClick=${restore}><${Icon} name="undo-2" />${text.library.restore}</button>`}</div>`
}
