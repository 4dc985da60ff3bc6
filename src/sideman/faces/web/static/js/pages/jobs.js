import { html, useEffect, useRef, useState } from '../ui.js'
import { ApiError, get, post, query, remove } from '../api.js'
import { clock, rough } from '../format.js'
import { isUnfinished, jobs as live, onJob } from '../jobs_store.js'
import { Empty, Failure, Loading, Progress, Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'

/** @typedef {import('../jobs_store.js').Job} Job */
const PAGE = 50
const POSITIONS_MS = 3000
const ICONS = /** @type {Record<string, string>} */ ({ analysis: 'activity', separation: 'layers', model: 'download', generation: 'wand-sparkles', mix: 'sliders-horizontal', export: 'download' })
const STATES = /** @type {Record<string, string[]>} */ ({ all: [], unfinished: ['queued', 'running'], failed: ['failed', 'cancelled'] })

/** Titles of recordings that jobs are about. @type {Map<string, string>} */
const titles = new Map()

/** @param {Job[]} jobs */
async function nameRecordings(jobs) {
  const ids = [...new Set(jobs.flatMap((j) => (j.recordingId && !titles.has(j.recordingId) ? [j.recordingId] : [])))]
  await Promise.all(ids.map(async (id) => {
    try {
      titles.set(id, (await get(`/recordings/${id}`)).title)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) titles.set(id, text.jobs.deletedRecording)
    }
  }))
}

export function JobsPage() {
  const [filter, setFilter] = useState('all')
  const [list, setList] = useState(/** @type {Job[] | null} */ (null))
  const [next, setNext] = useState(/** @type {string | null} */ (null))
  const [error, setError] = useState(/** @type {Error | null} */ (null))
  const wanted = useRef(PAGE)
  const turn = useRef(0)
  const load = async () => {
    const mine = ++turn.current
    const states = STATES[filter].map((s) => `&state=${s}`).join('')
    try {
      /** @type {Job[]} */
      const found = []
      let cursor = /** @type {string | null} */ (null)
      do { // as many as are shown, or a job that moves would take the others away
        const page = await get(`/jobs${query({ limit: PAGE, cursor })}${states}`)
        found.push(...page.items)
        cursor = page.nextCursor
      } while (cursor && found.length < wanted.current)
      await nameRecordings(found)
      if (turn.current !== mine) return
      setList(found)
      setNext(cursor)
      setError(null)
    } catch (reason) {
      if (turn.current === mine) setError(/** @type {Error} */ (reason))
    }
  }
  const more = () => {
    wanted.current += PAGE
    load()
  }
  useEffect(() => {
    wanted.current = PAGE
    load()
    const stop = onJob((job) => {
      if (job.finishedAt || !titles.has(job.recordingId ?? '')) load()
    })
    // places in the queue change without an event of the job itself
    const timer = setInterval(() => {
      if ([...live.value.values()].some((j) => j.state === 'queued') && !document.hidden) load()
    }, POSITIONS_MS)
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [filter])
  const shown = (list ?? []).map((job) => {
    const now = live.value.get(job.id)
    return now && now.state !== 'queued' ? { ...job, ...now } : job
  })
  const running = shown.filter((j) => j.state === 'running').length
  const queued = shown.filter((j) => j.state === 'queued').length
  const filters = /** @type {[string, string][]} */ ([['all', text.jobs.all], ['unfinished', text.jobs.unfinished], ['failed', text.jobs.onlyFailed]])
  return html`<main id="main" class="page" tabindex="-1"><header class="head"><h1>${text.jobs.title}</h1>${list && html`<small class="num" role="status">${text.jobs.summary(running, queued)}</small>`}<span class="grow"></span>
      <label class="sort"><span>${text.jobs.filter}</span><${Select} label=${text.jobs.filter} value=${filter} options=${filters} onChange=${setFilter} /></label></header>
    ${error ? html`<${Failure} error=${error} retry=${load} />` : !list ? html`<${Loading} />` : !shown.length ? html`<${Empty} icon="activity" title=${text.jobs.none} />` : html`
      <ul class="jobs">${shown.map((job) => html`<${JobRow} key=${job.id} job=${job} reload=${load} />`)}</ul>
      ${next && html`<div class="row center"><button class="btn" onClick=${more}>${text.common.more}</button></div>`}`}</main>`
}

/** @param {Job} job */
function facts(job) {
  const t = text.jobs
  if (job.state === 'running') return [job.step, `${Math.round(job.share * 100)} %`, job.etaS !== null && t.eta(rough(job.etaS))]
  if (job.state === 'queued') return [job.position !== null && t.position(job.position)]
  if (job.state === 'completed' && job.startedAt && job.finishedAt) return [t.took(clock((Date.parse(job.finishedAt) - Date.parse(job.startedAt)) / 1000, 1))]
  return []
}

/** @param {{job: Job, reload: () => void}} props */
function JobRow({ job, reload }) {
  const t = text.jobs
  const [made, setMade] = useState(/** @type {{downloadUrl: string | null, fileName: string} | null} */ (null))
  useEffect(() => {
    if (job.state === 'completed' && job.entityId && (job.kind === 'mix' || job.kind === 'export')) get(`/mixes/${job.entityId}`).then(setMade, () => setMade(null))
  }, [job.state])
  const act = async (/** @type {Promise<any>} */ wanted) => {
    try {
      await wanted
    } catch (error) {
      notifyError(error)
    }
    reload()
  }
  const name = titles.get(job.recordingId ?? '') ?? ''
  const failed = job.state === 'failed' || job.state === 'cancelled'
  return html`<li class=${`job ${job.state}`}><span class="badge"><${Icon} name=${ICONS[job.kind] ?? 'activity'} /></span>
    <div class="grow"><b>${t.kinds[job.kind] ?? job.kind}</b> ${name && html`<a href=${`#/recording/${job.recordingId}`}>${name}</a>`}
      <small class="num">${[made?.fileName, ...facts(job)].filter(Boolean).join(' · ')}</small>
      ${job.error && html`<p class="error">${job.error}</p>`}
      ${job.state === 'running' && html`<${Progress} label=${`${t.kinds[job.kind]} ${name}`} share=${job.share} />`}</div>
    <span class=${`status ${job.state}`}>${t.states[job.state]}</span>
    ${made?.downloadUrl && html`<a class="btn sm" href=${made.downloadUrl} download><${Icon} name="download" />${t.download}</a>`}
    ${mayEdit() && isUnfinished(job) && html`<button class="btn sm" onClick=${() => act(post(`/jobs/${job.id}/cancel`))}><${Icon} name="x" />${t.cancel}</button>`}
    ${mayEdit() && failed && html`<button class="btn sm" onClick=${() => act(post(`/jobs/${job.id}/retry`))}><${Icon} name="rotate-ccw" />${t.retry}</button>`}
    ${mayEdit() && !isUnfinished(job) && html`<button class="icon-button" aria-label=${t.remove} title=${t.remove} onClick=${() => act(remove(`/jobs/${job.id}`))}><${Icon} name="x" /></button>`}</li>`
}
