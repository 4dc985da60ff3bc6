// Dialogs about the grid and the form of a song: meter, constant tempo, sections.
import { html, useState } from '../ui.js'
import { clock } from '../format.js'
import { Select } from '../kit/controls.js'
import { text } from '../text.js'
import { correcting, extent } from './correcting.js'
import { Form, NumberField } from './dialog_form.js'

const METERS = ['2/4', '3/4', '4/4', '5/4', '6/4', '7/4', '6/8', '7/8', '9/8', '12/8']
const TENTHS = 10

/** @typedef {import('./dialog_form.js').Props} Props */

/** @param {Props} props */
export function MeterDialog(props) {
  const { grid, song } = props.desk
  const [meter, setMeter] = useState(song.timeline.meter ?? '4/4')
  const [bar, setBar] = useState('1')
  const pickup = grid.positions[0] === 1 ? 0 : 1 // a bar of its own, as the server counts
  const meters = METERS.includes(meter) ? METERS : [meter, ...METERS]
  return html`<${Form} ...${props} title=${text.correct.meter} kind="set-meter" values=${() => (Number(bar) > 1 ? { meter, bar: Number(bar) + pickup } : { meter })}>
    <label class="field"><span>${text.correct.meter}</span><${Select} label=${text.correct.meter} value=${meter} options=${meters.map((m) => [m, m])} onChange=${setMeter} /></label>
    <${NumberField} label=${text.correct.meterFrom} value=${bar} min=${1} max=${Math.max(1, grid.barStarts.length)} onInput=${setBar} /><//>`
}

/** @param {Props} props */
export function TempoDialog(props) {
  const { grid, song, engine } = props.desk
  const [bpm, setBpm] = useState(String(Math.round((song.timeline.tempoBpm ?? 120) * TENTHS) / TENTHS))
  const [places] = useState({ first: grid.barStarts[0] ?? 0, playhead: engine.positionS() })
  const [from, setFrom] = useState(/** @type {'first' | 'playhead'} */ ('first'))
  const values = () => ({ tempo_bpm: Number(bpm), downbeat_s: places[from] })
  return html`<${Form} ...${props} title=${text.correct.tempo} kind="set-tempo" values=${values}>
    <${NumberField} label=${text.correct.beatsAMinute} value=${bpm} min=${20} max=${400} step="any" onInput=${setBpm} />
    <label class="field"><span>${text.correct.downbeat}</span><${Select} label=${text.correct.downbeat} value=${from} onChange=${setFrom} options=${[['first', text.correct.asFirst(clock(places.first))], ['playhead', text.correct.asPlayhead(clock(places.playhead))]]} /></label><//>`
}

/** @param {Props & {section: import('./correcting.js').Span}} props */
export function SectionDialog({ section, ...props }) {
  const { desk, reload, onClose } = props
  const { barStarts } = desk.grid
  const { sections, durationS } = desk.song.timeline
  const bars = barsOf(barStarts, section)
  const [label, setLabel] = useState(section.label)
  const [first, setFirst] = useState(String(bars.first))
  const [last, setLast] = useState(String(bars.last))
  const startS = Number(first) === bars.first ? section.startS : Number(first) === 1 ? 0 : barStarts[Number(first) - 1]
  const endS = Number(last) === bars.last ? section.endS : Math.min(barStarts[Number(last)] ?? durationS, durationS)
  const values = () => ({ start_s: startS, end_s: endS, label, ...(section.ofS === undefined ? {} : { of_s: section.ofS }) })
  const before = section.ofS === undefined ? undefined : sections.findLast(([, end]) => end <= section.startS + 1e-3)
  const known = [...new Set([...sections.map(([, , name]) => name), ...text.correct.sectionNames])]
  const join = async () => {
    if (before && await correcting(desk, reload).correct('set-section', { start_s: before[0], end_s: section.endS, label: before[2] })) onClose()
  }
  return html`<${Form} ...${props} title=${text.correct.section} kind="set-section" values=${values}>
    <label class="field"><span>${text.correct.sectionName}</span><input type="text" required autofocus maxlength="60" list="section-names" value=${label} onInput=${(/** @type {any} */ e) => setLabel(e.target.value)} /></label>
    <datalist id="section-names">${known.map((name) => html`<option key=${name} value=${name}></option>`)}</datalist>
    ${bars.last >= bars.first && html`<div class="pair"><${NumberField} label=${text.correct.firstBar} value=${first} min=${1} max=${Number(last)} onInput=${setFirst} /><${NumberField} label=${text.correct.lastBar} value=${last} min=${Number(first)} max=${barStarts.length} onInput=${setLast} /></div>`}
    ${startS < endS && html`<p class="hint">${extent(desk, { ...section, startS, endS })}</p>`}
    ${before && html`<button type="button" class="btn" onClick=${join}>${text.correct.join}</button>`}<//>`
}

/** The bars that a span fills, counted from 1, to the nearest. @param {Float64Array} starts @param {{startS: number, endS: number}} span */
function barsOf(starts, { startS, endS }) {
  const nearest = (/** @type {number} */ t) => starts.reduce((best, start, i) => (Math.abs(start - t) < Math.abs(starts[best] - t) ? i : best), 0)
  const past = starts.length && endS > starts[starts.length - 1] + 0.5 ? starts.length : nearest(endS)
  return { first: nearest(startS) + 1, last: past }
}
