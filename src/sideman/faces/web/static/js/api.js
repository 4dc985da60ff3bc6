// Requests to the server. Whatever goes wrong becomes an ApiError with one sentence.
import { signal } from './ui.js'
import { text } from './text.js'

export class ApiError extends Error {
  /** @param {number} status 0: no answer at all @param {string} message */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

const V1 = '/api/v1'

/** Sent with every change of a browser session. */
export const csrf = signal('')
/** Turns true when the server asks for a key. */
export const signedOut = signal(false)

/** @param {string} method @param {string} path @param {any} [body] @param {Record<string, string>} [headers] @returns {Promise<any>} */
export async function request(method, path, body, headers = {}) {
  const form = body instanceof FormData // the browser states its type, with the boundary
  const sent = { ...headers, ...(csrf.value ? { 'X-CSRF-Token': csrf.value } : {}), ...(body === undefined || form ? {} : { 'Content-Type': 'application/json' }) }
  let answer
  try {
    answer = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : form ? body : JSON.stringify(body) })
  } catch {
    throw new ApiError(0, text.errors.network)
  }
  if (answer.status === 401) signedOut.value = true
  if (answer.status === 403 && csrf.value && (await renewed())) return request(method, path, body, headers)
  if (!answer.ok) throw new ApiError(answer.status, await reason(answer))
  const kind = answer.headers.get('content-type') ?? ''
  return answer.status === 204 ? null : kind.includes('json') ? answer.json() : answer.text()
}

/** Another tab may have signed in anew: whether the token of this page was an old one. */
async function renewed() {
  const before = csrf.value
  const found = await fetch(`${V1}/me`).then((a) => (a.ok ? a.json() : null), () => null)
  if (found?.csrf) csrf.value = found.csrf
  return csrf.value !== before
}

/** @param {Response} answer */
async function reason(answer) {
  try {
    return (await answer.json()).detail
  } catch {
    return text.errors.unexpected(answer.status)
  }
}

export const get = (/** @type {string} */ path) => request('GET', V1 + path)
export const post = (/** @type {string} */ path, /** @type {any} */ body = {}) => request('POST', V1 + path, body)
export const patch = (/** @type {string} */ path, /** @type {any} */ body) => request('PATCH', V1 + path, body)
export const remove = (/** @type {string} */ path) => request('DELETE', V1 + path)

/** @param {Record<string, string | number | boolean | null | undefined>} values empty ones are left out */
export function query(values) {
  const pairs = Object.entries(values).filter(([, v]) => v !== '' && v !== null && v !== undefined && v !== false)
  return pairs.length ? `?${new URLSearchParams(pairs.map(([k, v]) => [k, String(v)]))}` : ''
}
