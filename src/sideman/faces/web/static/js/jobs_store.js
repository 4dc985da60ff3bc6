// All jobs that are under way, by one event stream per tab; closed while the tab is hidden, since browsers open six connections at most.
import { computed, signal } from './ui.js'
import { get, signedOut } from './api.js'
import { me } from './session.js'
import { notifications } from './preferences.js'
import { notify } from './toasts.js'
import { text } from './text.js'

/** @typedef {{id: string, kind: string, state: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled', share: number, step: string, etaS: number | null, position: number | null, error: string | null, ownerId: string, recordingId: string | null, entityId: string | null, createdAt: string, startedAt: string | null, finishedAt: string | null}} Job */

export const jobs = signal(/** @type {Map<string, Job>} */ (new Map()))
export const connected = signal(true)
export const unfinished = computed(() => [...jobs.value.values()].filter(isUnfinished))
/** @type {Set<(job: Job) => void>} */
const listeners = new Set()
/** @type {EventSource | null} */
let source = null

/** @param {Job} job */
export const isUnfinished = (job) => job.state === 'queued' || job.state === 'running'

/** Called at every change of a job. Returns what ends it. @param {(job: Job) => void} listener */
export function onJob(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** @param {Job} job */
export function take(job) {
  const before = jobs.value.get(job.id)
  if (before && !isUnfinished(before) && isUnfinished(job)) return // an older event than the one that ended it
  jobs.value = new Map(jobs.value).set(job.id, job)
  for (const listener of listeners) listener(job)
  if (before && isUnfinished(before) && !isUnfinished(job)) tell(job)
}

/** @param {Job} job */
function tell(job) {
  if (job.ownerId !== me.value?.userId) return
  const what = text.jobs.kinds[job.kind] ?? job.kind
  if (job.state === 'completed') notify(text.jobs.finished(what), 'good')
  else if (job.state === 'failed') notify(`${text.jobs.failed(what)}: ${job.error}`, 'bad')
  if (document.hidden && notifications.value && globalThis.Notification?.permission === 'granted') {
    new Notification(job.state === 'completed' ? text.jobs.finished(what) : text.jobs.failed(what), { body: job.error ?? '', tag: job.id })
  }
}

/** What was under way when the stream broke may have ended since. */
async function catchUp() {
  for (const job of unfinished.value) {
    try {
      take(await get(`/jobs/${job.id}`))
    } catch {
      const rest = new Map(jobs.value) // it was deleted meanwhile
      rest.delete(job.id)
      jobs.value = rest
    }
  }
}

function open() {
  if (source || document.hidden) return
  const stream = new EventSource('/api/v1/events')
  source = stream
  stream.addEventListener('job', (event) => take(JSON.parse(event.data)))
  stream.onopen = () => {
    if (!connected.value) notify(text.common.back, 'good')
    connected.value = true
    catchUp()
  }
  stream.onerror = () => {
    connected.value = false
    if (stream.readyState !== EventSource.CLOSED) return
    close() // the browser gives up after an answer that is no stream: a proxy's error page, or that nobody is signed in
    setTimeout(() => get('/me').then(open, () => signedOut.value || open()), 3000)
  }
}

function close() {
  source?.close()
  source = null
}

export function watchJobs() {
  open()
  document.addEventListener('visibilitychange', () => {
    if (document.hidden && !notifications.value) close()
    else open()
  })
}
