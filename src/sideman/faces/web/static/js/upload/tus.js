// A small tus 1.0 client: an upload goes on where it stopped, also after the page was closed. XMLHttpRequest, because fetch tells no progress.
import { csrf, signedOut } from '../api.js'
import { text } from '../text.js'

const ENDPOINT = '/api/v1/uploads'
const CHUNK_BYTES = 16 << 20
const RETRIES = 10
const FINAL = [400, 401, 403, 404, 410, 413, 415, 422]

export class UploadError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === 'AbortError'

/** @typedef {{progress: (share: number) => void, retrying: (now: boolean) => void, known: () => void, signal: AbortSignal}} Watcher known: the library had these bytes */

/** @param {string} method @param {string} url @param {Record<string, string>} headers @param {Blob | null} body @param {AbortSignal} signal
 * @param {(loaded: number) => void} [progress] @returns {Promise<XMLHttpRequest>} */
function send(method, url, headers, body, signal, progress) {
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest()
    x.open(method, url)
    const sent = { 'Tus-Resumable': '1.0.0', ...(csrf.value ? { 'X-CSRF-Token': csrf.value } : {}), ...headers }
    for (const [name, value] of Object.entries(sent)) x.setRequestHeader(name, value)
    if (progress) x.upload.onprogress = (event) => progress(event.loaded)
    x.onload = () => {
      if (x.status === 401) signedOut.value = true
      x.status < 300 ? resolve(x) : reject(new UploadError(x.status, reason(x)))
    }
    x.onerror = () => reject(new UploadError(0, text.errors.network))
    x.onabort = () => reject(new DOMException('aborted', 'AbortError'))
    signal.addEventListener('abort', () => x.abort(), { once: true })
    x.send(body)
  })
}

/** @param {XMLHttpRequest} x */
function reason(x) {
  try {
    return JSON.parse(x.responseText).detail
  } catch {
    return text.errors.unexpected(x.status)
  }
}

const encoded = (/** @type {string} */ s) => btoa(String.fromCharCode(...new TextEncoder().encode(s)))
const memory = (/** @type {File} */ file) => `sideman.upload.${file.name}.${file.size}.${file.lastModified}`

/** @param {string} key @param {string | null} value */
function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    return // without storage an upload goes on within this page only
  }
}

/** @param {string} key */
function remembered(key) {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

/** @param {File} file @param {Watcher} watch @returns {Promise<{url: string, offset: number, recording: string | null}>} */
async function begin(file, watch) {
  const known = remembered(memory(file))
  if (known) {
    try {
      const at = await send('HEAD', known, {}, null, watch.signal)
      return { url: known, offset: Number(at.getResponseHeader('Upload-Offset')), recording: at.getResponseHeader('Sideman-Recording') }
    } catch (error) {
      if (!(error instanceof UploadError) || error.status === 0) throw error
    }
  }
  const headers = { 'Upload-Length': String(file.size), 'Upload-Metadata': `filename ${encoded(file.name)}` }
  const made = await send('POST', ENDPOINT, headers, null, watch.signal)
  const url = made.getResponseHeader('Location') ?? ''
  remember(memory(file), url)
  return { url, offset: 0, recording: null }
}

/** Upload a file. Resolves to the id of its recording. Rejects with an UploadError, or an AbortError when `watch.signal` says so.
 * @param {File} file @param {Watcher} watch @returns {Promise<string>} */
export async function upload(file, watch) {
  let state = await again(() => begin(file, watch), watch)
  try {
    while (state.recording === null) {
      const { url, offset } = state
      const piece = async () => {
        if (state.recording !== null) return state // all had arrived, and the answer was lost
        const headers = { 'Upload-Offset': String(state.offset), 'Content-Type': 'application/offset+octet-stream' }
        const body = file.slice(state.offset, state.offset + CHUNK_BYTES)
        const done = await send('PATCH', url, headers, body, watch.signal, (loaded) => watch.progress((state.offset + loaded) / file.size))
        if (done.getResponseHeader('Sideman-Known')) watch.known()
        return { url, offset: Number(done.getResponseHeader('Upload-Offset')), recording: done.getResponseHeader('Sideman-Recording') }
      }
      state = await again(piece, watch, async () => {
        const at = await send('HEAD', url, {}, null, watch.signal)
        state = { url, offset: Number(at.getResponseHeader('Upload-Offset')), recording: at.getResponseHeader('Sideman-Recording') }
      })
      if (state.recording === null && state.offset === offset && offset >= file.size) throw new UploadError(0, text.errors.network)
    }
  } catch (error) {
    if (isAbort(error)) await send('DELETE', state.url, {}, null, new AbortController().signal).catch(() => undefined)
    if (!(error instanceof UploadError) || ![0, 401, 403].includes(error.status)) remember(memory(file), null)
    throw error
  }
  remember(memory(file), null)
  return state.recording
}

/** Repeat what a lost connection broke. @template T @param {() => Promise<T>} work @param {Watcher} watch @param {() => Promise<void>} [before]
 * @returns {Promise<T>} */
async function again(work, watch, before) {
  for (let tries = 0; ; tries++) {
    try {
      if (tries && before) await before()
      const done = await work()
      watch.retrying(false)
      return done
    } catch (error) {
      const lost = error instanceof UploadError && !FINAL.includes(error.status)
      if (!lost || tries >= RETRIES) throw error
      watch.retrying(true)
      await new Promise((later) => setTimeout(later, Math.min(15_000, 300 * 2 ** tries)))
      if (watch.signal.aborted) throw new DOMException('aborted', 'AbortError')
    }
  }
}
