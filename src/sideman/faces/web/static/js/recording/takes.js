// Takes: what was generated, how it fits, heard in place, kept or discarded.
import { html, useEffect, useState } from '../ui.js'
import { get, post, remove } from '../api.js'
import { isUnfinished, jobs } from '../jobs_store.js'
import { Progress } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { colorStyle, iconOf } from '../kit/roles.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { laneTitle } from './song.js'

/** @typedef {{id: string, jobId: string | null, roles: string[], parameters: any, createdAt: string}} Generation */
/** @typedef {import('./song.js').Stem} Stem */

/** @typedef {(seed: string, more: object) => unknown} Ask */

/** onMore asks for something near a take; part is the range chosen in the drawer, empty for the whole song.
 * @param {{desk: import('./player.js').Desk, reload: () => void, onAgain: () => void, onMore: Ask, part: object}} props */
export function Takes({ desk, reload, onAgain, onMore, part }) {
  const [generations, setGenerations] = useState(/** @type {Generation[]} */ ([]))
  const { recording, stems } = desk.song
  const mine = [...jobs.value.values()].filter((j) => j.kind === 'generation' && j.recordingId === recording.id)
  useEffect(() => {
    get(`/recordings/${recording.id}/generations?take=20`).then(setGenerations, notifyError)
  }, [stems, mine.map((j) => j.id).join()])
  const shown = generations.filter((g) => stems.some((s) => s.generationId === g.id) || mine.some((j) => j.id === g.jobId))
  return html`<section class="takes" aria-label=${text.generate.results}><header><h3>${text.generate.results}</h3>
      ${shown.length > 0 && html`<button class="btn sm" onClick=${onAgain}><${Icon} name="rotate-cw" />${text.generate.again}</button>`}</header>
    ${shown.length ? shown.map((g) => html`<${Take} key=${g.id} desk=${desk} generation=${g} job=${mine.find((j) => j.id === g.jobId)} stems=${stems.filter((s) => s.generationId === g.id)} reload=${reload} onMore=${onMore} part=${part} />`) : html`<p class="hint">${text.generate.none}</p>`}</section>`
}

/** @param {{desk: import('./player.js').Desk, generation: Generation, job: import('../jobs_store.js').Job | undefined, stems: Stem[], reload: () => void, onMore: Ask, part: object}} props */
function Take({ desk, generation, job, stems, reload, onMore, part }) {
  const t = text.generate
  if (job && isUnfinished(job)) {
    const percent = Math.round(job.share * 100)
    const cancel = () => post(`/jobs/${job.id}/cancel`).catch(notifyError)
    return html`<article class="take"><div class="row"><b>${generation.roles.map((r) => text.roles[r] ?? r).join(', ')}</b><span class="grow"></span><button class="btn sm" onClick=${cancel}>${text.common.cancel}</button></div>
      <small>${job.state === 'queued' ? t.waiting(job.position ?? 0) : t.working(job.step, percent)}</small><${Progress} label=${t.title} share=${job.share} /></article>`
  }
  if (!stems.length && job?.state === 'completed') return null // all of it was discarded
  if (!stems.length) return html`<article class="take"><small role="status">${job?.state === 'cancelled' ? t.cancelled : t.failed(job?.error ?? '')}</small></article>`
  return html`${stems.map((stem) => html`<${Candidate} key=${stem.id} desk=${desk} stem=${stem} rivals=${stems.filter((s) => s.role === stem.role && s !== stem)} generation=${generation} reload=${reload} onMore=${onMore} part=${part} />`)}`
}

/** @param {{desk: import('./player.js').Desk, stem: Stem, rivals: Stem[], generation: Generation, reload: () => void, onMore: Ask, part: object}} props */
function Candidate({ desk, stem, rivals, generation, reload, onMore, part }) {
  const t = text.generate
  const lane = desk.engine.lane(stem.id)
  const heard = Boolean(lane && desk.engine.playing.value && desk.engine.audible(lane))
  const title = laneTitle(stem)
  const [busy, setBusy] = useState(false) // a second click would ask for what is gone already
  const discard = async (/** @type {Stem[]} */ some, /** @type {string} */ said) => {
    setBusy(true)
    try {
      for (const s of some) {
        desk.engine.remove(s.id) // first, or the player would ask for what is gone
        await remove(`/stems/${s.id}`)
      }
      notify(said, 'good')
      if (!some.includes(stem)) setBusy(false)
      reload()
    } catch (error) {
      notifyError(error)
      setBusy(false)
    }
  }
  const report = stem.report ?? {}
  const near = { ...wishOf(generation), style: stem.provenance?.style ?? generation.parameters.style, roles: [stem.role], candidates: 1 }
  const seed = String(stem.provenance?.seed ?? '')
  const varied = 1 + Number(generation.parameters.variation ?? 0)
  return html`<article class="take" style=${colorStyle(stem.role)}><div class="row"><${Icon} name=${iconOf(stem.role)} /><b>${title}</b><span class=${`verdict ${stem.verdict}`}>${t.verdicts[stem.verdict ?? ''] ?? stem.verdict}</span><span class="grow"></span><span class="num">${stem.score === null ? '' : t.fit(Math.round(stem.score * 100))}</span></div>
    <p>${report.reason}</p>${stem.provenance?.note && html`<p class="hint">${stem.provenance.note}</p>`}<small class="num">${figures(report, stem, generation).join(' · ')}</small>
    <div class="row"><button class="btn sm" aria-pressed=${heard} onClick=${() => audition(desk, stem, rivals, generation, heard)}><${Icon} name=${heard ? 'pause' : 'ear'} />${heard ? t.stop : t.audition}</button>
      ${rivals.length > 0 && html`<button class="btn sm" disabled=${busy} onClick=${() => { desk.engine.before.clear(); discard(rivals, t.keptOnly(title)) }}><${Icon} name="check" />${t.keep}</button>`}
      <button class="btn sm" onClick=${() => onMore('', { ...near, candidates: 3 })}>${t.more}</button><button class="btn sm" onClick=${() => onMore(seed, { ...near, variation: varied })}>${t.vary}</button>
      ${'startS' in part && html`<button class="btn sm" title=${t.redoHint} onClick=${() => onMore('', { ...near, ...part, base: stem.id, tempoBpm: null })}>${t.redo}</button>`}<span class="grow"></span>
      <button class="btn sm" disabled=${busy} onClick=${() => { restore(desk); discard([stem], t.discarded) }}><${Icon} name="trash-2" />${t.discard}</button></div></article>`
}

/** What a take was asked for with, as it is asked for again. @param {Generation} generation */
function wishOf({ parameters: p }) {
  const [startS, endS] = p.within_s ?? [null, null]
  const chords = (p.chords ?? []).map((/** @type {[number, number, string]} */ [a, b, label]) => ({ startS: a, endS: b, label }))
  return {
    prompt: p.prompt ?? '', temperature: p.temperature ?? 1, energy: p.energy ?? 0, variation: p.variation ?? 0, startS, endS, chords,
    progression: p.progression ?? [], tempoBpm: p.tempo_bpm ?? null, durationS: p.duration_s ?? null, like: p.like ?? null, engine: p.engine ?? '',
  }
}

/** @param {any} report @param {Stem} stem @param {Generation} generation */
function figures(report, stem, generation) {
  const t = text.generate
  return [
    report.onset_to_grid_ms != null && t.onsets(Number(report.onset_to_grid_ms).toFixed(0)), report.chord_tone_share != null && t.tones(Math.round(100 * report.chord_tone_share)),
    stem.provenance?.seed !== undefined && t.seedOf(stem.provenance.seed), generation.parameters.chords && t.changed,
  ].filter(Boolean)
}

/** Hear a take in its place: it instead of its rivals and of the song's own stem of that role, from where it begins.
 * @param {import('./player.js').Desk} desk @param {Stem} stem @param {Stem[]} rivals @param {Generation} generation @param {boolean} heard */
function audition(desk, stem, rivals, generation, heard) {
  const { engine } = desk
  const lane = engine.lane(stem.id)
  if (!lane) return
  restore(desk)
  if (heard) return engine.pause()
  desk.engine.before = new Map(desk.rows.map(({ lane: l }) => [l, [l.mute.value, l.solo.value]]))
  engine.original.value = false
  for (const row of desk.rows) {
    row.lane.solo.value = false
    if (rivals.some((r) => r.id === row.lane.key)) row.lane.mute.value = true
    if (row.stem?.origin === 'separated' && row.stem.role === stem.role) row.lane.mute.value = true
  }
  lane.mute.value = false
  const within = generation.parameters.within_s
  if (within && (engine.positionS() < within[0] - 2 || engine.positionS() > within[1])) engine.seek(Math.max(0, within[0] - 2))
  engine.play()
}

/** The mixer as it was before a take was auditioned. @param {import('./player.js').Desk} desk */
function restore(desk) {
  for (const [lane, [mute, solo]] of desk.engine.before) {
    lane.mute.value = mute
    lane.solo.value = solo
  }
  desk.engine.before.clear()
}
