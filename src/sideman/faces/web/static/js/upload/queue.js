// The files of this page that are on their way into the library.
import { batch, signal } from '../ui.js'
import { get, post } from '../api.js'
import { analyseUploads } from '../preferences.js'
import { text } from '../text.js'
import { notifyError, say } from '../toasts.js'
import { isAbort, upload } from './tus.js'

const AT_ONCE = 2

export class Upload {
  /** @param {File} file */
  constructor(file) {
    this.file = file
    this.share = signal(0)
    this.state = signal(/** @type {'waiting' | 'sending' | 'retrying' | 'done' | 'failed'} */ ('waiting'))
    this.error = signal('')
    this.recordingId = signal('')
    /** The library had these bytes already. */
    this.known = signal(false)
    this.abort = new AbortController()
  }
}

export const uploads = signal(/** @type {Upload[]} */ ([]))
/** Counts what came in, so that lists load again. */
export const arrivals = signal(0)

/** @param {Iterable<File>} files */
export function addFiles(files) {
  uploads.value = [...uploads.value, ...[...files].map((file) => new Upload(file))]
  next()
}

function next() {
  const under = uploads.value.filter((u) => u.state.value === 'sending' || u.state.value === 'retrying').length
  for (const waiting of uploads.value.filter((u) => u.state.value === 'waiting').slice(0, AT_ONCE - under)) run(waiting)
}

/** @param {Upload} item */
async function run(item) {
  item.state.value = 'sending'
  try {
    const id = await upload(item.file, {
      signal: item.abort.signal, progress: (share) => (item.share.value = share), known: () => (item.known.value = true), retrying: (now) => (item.state.value = now ? 'retrying' : 'sending'),
    })
    batch(() => {
      item.recordingId.value = id
      item.share.value = 1
      item.state.value = 'done'
      arrivals.value++
    })
    say(`${item.file.name} ${item.known.value ? text.upload.known : text.upload.done}`)
    if (analyseUploads.value) await analyse(id)
  } catch (error) {
    if (isAbort(error)) uploads.value = uploads.value.filter((u) => u !== item)
    else if (item.recordingId.value) notifyError(error)
    else {
      item.error.value = /** @type {Error} */ (error).message
      item.state.value = 'failed'
    }
  }
  next()
}

/** @param {string} id */
async function analyse(id) {
  const recording = await get(`/recordings/${id}`)
  if (recording.status === 'uploaded') await post(`/recordings/${id}/analyses`)
}

/** @param {Upload} item */
export function cancelUpload(item) {
  item.abort.abort()
  if (item.state.value !== 'sending') uploads.value = uploads.value.filter((u) => u !== item)
}

/** @param {Upload} item */
export function retryUpload(item) {
  uploads.value = uploads.value.filter((u) => u !== item)
  addFiles([item.file])
}

export function clearFinished() {
  uploads.value = uploads.value.filter((u) => u.state.value !== 'done' && u.state.value !== 'failed')
}
