// One recording: its timeline, its lanes, and the player.
import { batch, html, useEffect, useRef, useState } from '../ui.js'
import { post } from '../api.js'
import { clock } from '../format.js'
import { isUnfinished, jobs, onJob } from '../jobs_store.js'
import { Artwork } from '../kit/artwork.js'
import { Failure, Loading, Progress } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { Engine, ORIGINAL } from '../player/engine.js'
import { mayEdit } from '../session.js'
import { PlaceInSet } from '../sets/place.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'
import { keepMixer, mixerOf, setStrip } from './kept_mixer.js'
import { Player } from './player.js'
import { SILENT_AT_FIRST, loadSong } from './song.js'

/** @param {{id: string}} props */
export function RecordingPage({ id }) {
  const [song, setSong] = useState(/** @type {import('./song.js').Song | null} */ (null))
  const [error, setError] = useState(/** @type {Error | null} */ (null))
  const turn = useRef(0)
  const load = async () => {
    const mine = ++turn.current
    try {
      const found = await loadSong(id)
      if (turn.current !== mine) return // what was asked later is on its way
      setSong(found)
      setError(null)
    } catch (reason) {
      if (turn.current === mine) setError(/** @type {Error} */ (reason))
    }
  }
  useEffect(() => {
    load()
    return onJob((job) => {
      if (job.recordingId === id && job.finishedAt) load()
    })
  }, [id])
  useEffect(() => {
    if (song) document.title = `${song.recording.title} · ${text.product}`
    return () => {
      document.title = text.product
    }
  }, [song?.recording.title])
  const engine = useEngine(song)
  if (error) return html`<main id="main" class="page"><${Failure} error=${error} retry=${load} /></main>`
  if (!song) return html`<main id="main" class="page" aria-busy="true"><${Loading} /></main>`
  if (!song.timeline || !song.audio) return html`<${Unanalysed} recording=${song.recording} />`
  return engine ? html`<${Player} song=${{ ...song, timeline: song.timeline, audio: song.audio }} engine=${engine} reload=${load} />` : html`<main id="main" class="page"><${Loading} /></main>`
}

/** An engine for the song's audio, its lanes kept in step with the stems that there are. @param {import('./song.js').Song | null} song */
function useEngine(song) {
  const [engine, setEngine] = useState(/** @type {Engine | null} */ (null))
  const current = useRef(/** @type {Engine | null} */ (null))
  const matched = useRef(/** @type {import('./song.js').Song | null} */ (null))
  const facts = song?.timeline ? song.audio : null
  useEffect(() => {
    if (!facts) return
    const made = new Engine(facts)
    current.current = made
    matched.current = null
    setEngine(made)
    made.open().catch((reason) => made.streamer.closed || notifyError(reason))
    return () => {
      made.close()
      current.current = null
      setEngine(null)
    }
  }, [song?.recording.id, facts?.frames, facts?.sampleRateHz])
  useEffect(() => {
    if (!engine || !song?.timeline || !song.audio) return
    const first = matched.current === null
    matchLanes(engine, song, matched.current)
    matched.current = song
    if (first) engine.disposers.push(keepMixer(song.recording.id, engine))
  }, [engine, song])
  return engine
}

/** @param {Engine} engine @param {import('./song.js').Song} song @param {import('./song.js').Song | null} before what the lanes were matched with */
function matchLanes(engine, song, before) {
  const wanted = new Set([ORIGINAL, ...song.stems.map((s) => s.id)])
  for (const lane of engine.lanes.value) if (!wanted.has(lane.key)) engine.remove(lane.key)
  batch(() => addLanes(engine, song, before))
  engine.setBeats(song.timeline?.beats ?? [])
}

/** Stems that together are the song: without them it is heard as it was recorded. @param {import('./song.js').Song | null} song */
const apart = (song) => Boolean(song?.stems.some((s) => !SILENT_AT_FIRST.includes(s.origin)))

/** @param {Engine} engine @param {import('./song.js').Song} song @param {import('./song.js').Song | null} before */
function addLanes(engine, song, before) {
  const audio = /** @type {import('../player/engine.js').AudioFacts} */ (song.audio)
  if (!engine.lane(ORIGINAL)) engine.add({ key: ORIGINAL, url: `/api/v1/recordings/${song.recording.id}`, audio })
  if (!apart(song) && (!before || apart(before))) engine.original.value = true
  const kept = before ? null : mixerOf(song.recording.id)
  for (const stem of song.stems) {
    if (engine.lane(stem.id)) continue
    const lane = engine.add({ key: stem.id, url: `/api/v1/stems/${stem.id}`, audio: stem.audio, muted: SILENT_AT_FIRST.includes(stem.origin), passing: stem.origin === 'excerpt' })
    if (!lane.passing) setStrip(lane, kept?.get(stem.id))
  }
  if (apart(song) && !apart(before)) engine.original.value = false
}

/** @param {{recording: import('./song.js').Recording}} props */
function Unanalysed({ recording }) {
  const job = [...jobs.value.values()].filter((j) => j.recordingId === recording.id && j.kind === 'analysis').sort((a, b) => b.createdAt.localeCompare(a.createdAt))[0]
  const working = job !== undefined && isUnfinished(job)
  const [busy, setBusy] = useState(false)
  const analyse = async () => {
    setBusy(true)
    await post(`/recordings/${recording.id}/analyses`).catch(notifyError)
    setBusy(false)
  }
  const failed = !working && (job?.state === 'failed' || recording.status === 'failed')
  return html`<main id="main" class="page" tabindex="-1"><section class="welcome">
    <${PlaceInSet} recordingId=${recording.id} /><${Artwork} recording=${recording} size="160" /><h1>${recording.title}</h1><p>${recording.artist || text.common.unknownArtist} · ${clock(recording.durationS)}</p>
    <audio controls preload="none" src=${recording.audioUrl}></audio>
    ${working ? html`<div class="working" role="status"><b>${text.recording.analysing}</b> <small>${job.step} ${Math.round(job.share * 100)} %</small><${Progress} label=${text.recording.analysing} share=${job.share} /></div>` : html`
      <h2>${failed ? text.recording.failed : text.recording.notAnalysed}</h2><p>${failed && job?.error ? job.error : text.recording.notAnalysedHint}</p>
      ${mayEdit() && html`<button class="btn primary" disabled=${busy} onClick=${analyse}><${Icon} name="activity" />${failed ? text.recording.analyseAgain : text.recording.analyse}</button>`}`}
  </section></main>`
}
