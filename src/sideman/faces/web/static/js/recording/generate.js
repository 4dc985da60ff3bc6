// The drawer: what to play, and the takes that came of it.
import { html, useEffect, useMemo, useRef, useState } from '../ui.js'
import { get, post } from '../api.js'
import { Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { chordName, harteLabel, usesFlats } from '../music.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { GenerateForm, useEngines } from './generate_form.js'
import { FitLoop } from './fit_loop.js'
import { closeOnEscape } from './keyboard.js'
import { Takes } from './takes.js'

/** @typedef {import('./generate_form.js').Wish & {candidates: number, range: string, chords: string}} FullWish */

/** What each drawer was left with, by recording. @type {Map<string, FullWish>} */
const left = new Map()

/** @param {import('./player.js').Desk} desk @param {string} range @returns {[number, number]} */
function spanOf(desk, range) {
  const { sections } = desk.song.timeline
  const loop = desk.engine.loop.value
  if (range === 'loop' && loop) return [loop.startS, loop.endS]
  const number = /^section (\d+)$/.exec(range)
  return number && sections[Number(number[1])] ? [sections[Number(number[1])][0], Math.min(sections[Number(number[1])][1], desk.engine.durationS)] : [0, desk.engine.durationS]
}

/** Chords of a part of the song, as written in the field. @param {import('./player.js').Desk} desk @param {[number, number]} span */
function chordsIn(desk, [start, end]) {
  return desk.song.timeline.chords.filter(([a, b]) => a < end - 0.05 && b > start + 0.05)
}

/** The words of the field over the spans of the analysis: chords that were changed, or what is wrong with them. @param {string} written @param {[number, number, string, number][]} found @param {boolean} flats
 * @returns {{changed: {startS: number, endS: number, label: string}[], wrong: string | null}} */
function changedChords(written, found, flats) {
  const words = written.split(/[\s|,]+/).filter(Boolean)
  if (words.length !== found.length) return { changed: [], wrong: text.generate.chordsCount(found.length, words.length) }
  const changed = []
  for (let i = 0; i < found.length; i++) {
    const [startS, endS, label] = found[i]
    if (words[i] === chordName(label, 0, flats)) continue
    const wanted = harteLabel(words[i])
    if (wanted === null) return { changed: [], wrong: text.generate.chordsBad(words[i]) }
    if (wanted !== label) changed.push({ startS, endS, label: wanted })
  }
  return { changed, wrong: null }
}

/** @param {{desk: import('./player.js').Desk, reload: () => void}} props */
export function GenerateDrawer({ desk, reload }) {
  const t = text.generate
  const { recording, timeline } = desk.song
  const engines = useEngines()
  const [wish, setWish] = useState(/** @type {FullWish} */ (left.get(recording.id) ?? { roles: ['bass'], style: '', seed: '', candidates: 1, range: 'whole', chords: '' }))
  const [busy, setBusy] = useState(false)
  const [suited, setSuited] = useState('')
  const panel = useRef(/** @type {HTMLElement | null} */ (null))
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement)
    panel.current?.querySelector('button')?.focus()
    return () => before?.focus?.()
  }, [])
  useEffect(() => {
    left.set(recording.id, wish)
  }, [wish])
  useEffect(() => {
    get(`/recordings/${recording.id}/styles`).then((ranked) => setSuited(ranked[0].name), notifyError)
  }, [timeline])
  const flats = usesFlats(timeline.key?.name ?? null)
  const span = spanOf(desk, wish.range)
  const found = useMemo(() => chordsIn(desk, span), [timeline, span[0], span[1]])
  const original = found.map(([, , label]) => chordName(label, 0, flats)).join(' ')
  const written = wish.chords || original
  const { changed, wrong } = changedChords(written, found, flats)
  const part = wish.range === 'whole' ? {} : { startS: span[0], endS: span[1] }
  const ask = async (/** @type {string} */ seed, /** @type {object} */ more = {}) => {
    setBusy(true)
    const how = { engine: wish.engine ?? '', prompt: wish.prompt ?? '', energy: Number(wish.energy ?? 0), temperature: Number(wish.temperature ?? 1) }
    try {
      const made = await post(`/recordings/${recording.id}/generations`, { roles: wish.roles, style: wish.style || null, seed: seed === '' ? null : Number(seed), candidates: wish.candidates, chords: changed, ...how, ...part, ...more })
      notify(t.queued)
      return made
    } catch (error) {
      notifyError(error)
    } finally {
      setBusy(false)
    }
  }
  const unusable = Boolean(engines?.generators.find((g) => g.engine === wish.engine)?.problem)
  const ranges = /** @type {[string, string][]} */ ([['whole', t.whole], ...(desk.engine.loop.value ? [['loop', t.loop]] : []), ...timeline.sections.map(([, , label], i) => [`section ${i}`, `${i + 1}: ${label}`])])
  const close = () => (desk.drawer.value = '')
  return html`<div class="drawer" ref=${panel} role="dialog" aria-label=${t.title} onKeyDown=${closeOnEscape(close)}>
    <header><h2>${t.title}</h2><button class="icon-button" aria-label=${text.common.close} onClick=${close}><${Icon} name="x" /></button></header>
    <div class="inside">${engines && html`<${GenerateForm} engines=${engines} wish=${wish} suited=${suited} onChange=${setWish} />
      <div class="pair"><label class="field"><span>${t.range}</span><${Select} label=${t.range} value=${wish.range} options=${ranges} onChange=${(/** @type {string} */ range) => setWish({ ...wish, range, chords: '' })} /></label>
        <label class="field"><span>${t.candidates}</span><${Select} label=${t.candidates} value=${String(wish.candidates)} options=${['1', '2', '3', '4'].map((n) => [n, n])} onChange=${(/** @type {string} */ n) => setWish({ ...wish, candidates: Number(n) })} /></label></div>
      <label class="field"><span>${t.chords}</span><textarea rows="3" spellcheck="false" aria-invalid=${wrong !== null} value=${written} onInput=${(/** @type {any} */ e) => setWish({ ...wish, chords: e.target.value })}></textarea>
        <small class=${wrong ? 'error' : 'hint'} role=${wrong ? 'alert' : undefined}>${wrong ?? t.chordsHint}</small></label>
      ${wish.chords && wish.chords !== original && html`<button class="btn sm" onClick=${() => setWish({ ...wish, chords: '' })}><${Icon} name="undo-2" />${t.chordsReset}</button>`}`}
      <${Takes} desk=${desk} reload=${reload} onAgain=${() => ask('')} onMore=${ask} part=${part} />
      ${engines && html`<${FitLoop} recordingId=${recording.id} roles=${engines.generationRoles} part=${part} />`}</div>
    <footer><span class="grow muted">${text.common.stems(wish.roles.length * wish.candidates)}</span><button class="btn primary" disabled=${!engines || unusable || !wish.roles.length || wrong !== null || busy} onClick=${() => ask(wish.seed)}><${Icon} name="wand-sparkles" />${t.go}</button></footer></div>`
}
