// Who uses this page.
import { signal } from './ui.js'
import { csrf, get, post, remove, signedOut } from './api.js'

/** @typedef {{userId: string, name: string, role: 'viewer' | 'editor' | 'admin', csrf: string | null, sizeBytes: number, audioS: number}} Me */
export const me = signal(/** @type {Me | null} */ (null))

export async function whoAmI() {
  const found = await get('/me')
  csrf.value = found.csrf ?? ''
  me.value = found
  signedOut.value = false
}

/** @param {string} key */
export async function signIn(key) {
  const found = await post('/session', { key })
  csrf.value = found.csrf ?? ''
  await whoAmI()
}

export async function signOut() {
  await remove('/session')
  csrf.value = ''
  me.value = null
  signedOut.value = true
}

export const mayEdit = () => me.value !== null && me.value.role !== 'viewer'
