// The drawer that takes a recording apart: preset with its licence and time, stems, a preview first; and installing what a preset needs.
import { html, useEffect, useRef, useState } from '../ui.js'
import { get, post } from '../api.js'
import { rough, size } from '../format.js'
import { isUnfinished, jobs, onJob } from '../jobs_store.js'
import { Progress } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { colorStyle, iconOf, nameOf } from '../kit/roles.js'
import { separation } from '../preferences.js'
import { me } from '../session.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { closeOnEscape } from './keyboard.js'

/** @typedef {{name: string, summary: string, takesStem: string | null, stems: string[], models: string[], missing: string[], weightLicence: string | null, use: string | null, problem: string | null, secondsPerMinute: number | null}} Preset */
/** @typedef {{name: string, title: string, sizeBytes: number, terms: string, allowed: boolean, installed: boolean}} Model */

const PREVIEW_S = 30

/** @param {{desk: import('./player.js').Desk, song: import('./song.js').Song}} props */
export function SeparateDrawer({ desk, song }) {
  const t = text.separate
  const { recording } = song
  const [presets, setPresets] = useState(/** @type {Preset[]} */ ([]))
  const [busy, setBusy] = useState(false)
  const panel = useRef(/** @type {HTMLElement | null} */ (null))
  const load = () => get('/presets').then(setPresets, notifyError)
  useEffect(() => {
    load()
    const before = /** @type {HTMLElement | null} */ (document.activeElement)
    panel.current?.querySelector('button')?.focus()
    const stop = onJob((job) => {
      if (job.kind === 'model' && job.finishedAt) load()
    })
    return () => {
      stop()
      before?.focus?.()
    }
  }, [])
  const chosen = presets.find((p) => p.name === separation.value.preset) ?? presets[0]
  const stems = chosen ? separation.value.stems.filter((s) => chosen.stems.includes(s)) : []
  const wanted = stems.length ? stems : (chosen?.stems ?? [])
  const toggle = (/** @type {string} */ role) => {
    const next = wanted.includes(role) ? wanted.filter((s) => s !== role) : [...wanted, role]
    if (next.length) separation.value = { ...separation.value, stems: next.length === chosen?.stems.length ? [] : next }
  }
  const ask = async (/** @type {number | null} */ previewS) => {
    setBusy(true)
    try {
      await post(`/recordings/${recording.id}/separations`, { preset: chosen?.name, stems: stems.length ? stems : null, previewS })
      notify(previewS ? t.previewQueued : t.queued)
    } catch (error) {
      notifyError(error)
    } finally {
      setBusy(false)
    }
  }
  const job = [...jobs.value.values()].find((j) => j.kind === 'separation' && j.recordingId === recording.id && isUnfinished(j))
  const lacking = chosen?.takesStem && !song.stems.some((s) => s.origin === 'separated' && s.role === chosen.takesStem) ? t.noStem(nameOf(chosen.takesStem)) : null
  const able = !busy && chosen && chosen.problem === null && !lacking
  const excerpts = song.stems.filter((s) => s.origin === 'excerpt' && s.provenance?.within_s)
  const close = () => (desk.drawer.value = '')
  return html`<div class="drawer" ref=${panel} role="dialog" aria-label=${t.title} onKeyDown=${closeOnEscape(close)}>
    <header><h2>${t.title}</h2><button class="icon-button" aria-label=${text.common.close} onClick=${close}><${Icon} name="x" /></button></header>
    <div class="inside"><div class="presets" role="radiogroup" aria-label=${t.preset}>${presets.map((p) => html`<${PresetChoice} key=${p.name} preset=${p} chosen=${p === chosen} seconds=${recording.durationS} />`)}</div>
      ${chosen && html`<div class="field"><span id="wanted-parts">${t.stems}</span><div class="choices" role="group" aria-labelledby="wanted-parts">${chosen.stems.map((role) => html`
        <button type="button" key=${role} aria-pressed=${wanted.includes(role)} style=${colorStyle(role)} onClick=${() => toggle(role)}><${Icon} name=${iconOf(role)} />${nameOf(role)}</button>`)}</div></div>
      ${chosen.missing.map((name) => html`<${Missing} key=${name} name=${name} />`)}
      ${chosen.problem && !chosen.missing.length && html`<p class="hint" role="status">${chosen.problem}</p>`}`}
      ${lacking && html`<p class="hint" role="status">${lacking}</p>`}
      ${job && html`<div class="working" role="status"><small>${job.step} ${Math.round(job.share * 100)} %</small><${Progress} label=${t.title} share=${job.share} /><button class="btn sm" onClick=${() => post(`/jobs/${job.id}/cancel`).catch(notifyError)}>${text.common.cancel}</button></div>`}
      ${excerpts.length > 0 && html`<${Excerpt} engine=${desk.engine} stems=${excerpts} />`}</div>
    <footer><span class="grow muted">${text.common.stems(wanted.length)}</span><button class="btn" disabled=${!able || Boolean(chosen?.takesStem)} onClick=${() => ask(PREVIEW_S)}><${Icon} name="ear" />${t.preview(PREVIEW_S)}</button>
      <button class="btn primary" disabled=${!able} onClick=${() => ask(null)}><${Icon} name="layers" />${t.go}</button></footer></div>`
}

/** @param {{preset: Preset, chosen: boolean, seconds: number}} props */
function PresetChoice({ preset, chosen, seconds }) {
  const t = text.separate
  const choose = () => (separation.value = { preset: preset.name, stems: [] })
  const time = preset.secondsPerMinute ? t.time(rough((preset.secondsPerMinute * seconds) / 60)) : preset.problem ? '' : t.untimed
  const licence = preset.weightLicence ? t.licence(preset.weightLicence, t.uses[preset.use ?? ''] ?? '') : t.own
  return html`<button class="preset" role="radio" aria-checked=${chosen} onClick=${choose}><b>${t.presets[preset.name] ?? preset.name}</b>${preset.missing.length > 0 && html`<em>${t.missing}</em>`}
    ${chosen && html`<span>${preset.summary}</span><small>${licence}${time && ` · ${time}`}</small>`}</button>`
}

/** What a preset needs and this server lacks: its terms, and the button for admins. @param {{name: string}} props */
export function Missing({ name }) {
  const t = text.separate
  const [model, setModel] = useState(/** @type {Model | null} */ (null))
  const [accepted, setAccepted] = useState(false)
  useEffect(() => {
    get(`/models/${name}`).then(setModel, notifyError)
  }, [name])
  const job = [...jobs.value.values()].find((j) => j.kind === 'model' && j.entityId === name && isUnfinished(j))
  if (!model) return null
  const install = () => post(`/models/${name}/install`, { accept: true }).then(() => notify(t.installing(model.title)), notifyError)
  return html`<section class="missing"><h3>${t.needs(model.title, size(model.sizeBytes))}</h3><p class="terms" tabindex="0" role="region" aria-label=${t.termsOf(model.title)}>${model.terms}</p>
    ${!model.allowed ? html`<p class="hint">${t.refused}</p>` : me.value?.role !== 'admin' ? html`<p class="hint">${t.askAdmin}</p>` : job ? html`<small role="status">${Math.round(job.share * 100)} %</small><${Progress} label=${t.installing(model.title)} share=${job.share} />` : html`
      <label class="check"><input type="checkbox" checked=${accepted} onChange=${(/** @type {any} */ e) => setAccepted(e.target.checked)} /><span>${t.accept}</span></label>
      <button class="btn" disabled=${!accepted} onClick=${install}><${Icon} name="download" />${t.install}</button>`}</section>`
}

/** The stems of a preview, heard against the original. @param {{engine: import('../player/engine.js').Engine, stems: import('./song.js').Stem[]}} props */
function Excerpt({ engine, stems }) {
  const t = text.separate
  const within = stems[0].provenance.within_s
  const lanes = stems.flatMap((s) => engine.lane(s.id) ?? [])
  const hear = (/** @type {string} */ which) => {
    hearing.current = true
    engine.original.value = which === 'original'
    for (const [i, lane] of lanes.entries()) lane.solo.value = which === 'all' || stems[i].id === which
    engine.setLoop({ startS: within[0], endS: within[1] })
    const at = engine.positionS()
    if (at < within[0] || at >= within[1]) engine.seek(within[0])
    if (!engine.playing.value) engine.play()
  }
  const heard = engine.original.value ? 'original' : lanes.length > 1 && lanes.every((l) => l.solo.value) ? 'all' : (stems.find((s, i) => lanes[i]?.solo.value)?.id ?? '')
  const end = () => {
    for (const lane of lanes) lane.solo.value = false
    engine.original.value = false
    engine.setLoop(null)
    hearing.current = false
  }
  const hearing = useRef(false)
  const leave = useRef(end)
  leave.current = () => hearing.current && end()
  useEffect(() => () => leave.current(), [])
  const preset = stems[0].provenance.preset
  return html`<section class="field"><h3>${t.excerptOf(t.presets[preset] ?? preset)}</h3><div class="choices" role="group" aria-label=${t.excerpt}>
    <button aria-pressed=${heard === 'original'} onClick=${() => hear('original')}>${text.recording.originalLane}</button><button aria-pressed=${heard === 'all'} onClick=${() => hear('all')}>${t.together}</button>
    ${stems.map((s) => html`<button key=${s.id} aria-pressed=${heard === s.id} style=${colorStyle(s.role)} onClick=${() => hear(s.id)}><${Icon} name=${iconOf(s.role)} />${nameOf(s.role)}</button>`)}</div>
    <p class="hint">${t.excerptHint}</p>${heard && html`<button class="btn sm" onClick=${end}><${Icon} name="undo-2" />${t.back}</button>`}</section>`
}
