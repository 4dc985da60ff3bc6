// Set lists: recordings in an order, for a rehearsal or a gig. The REST API calls them collections.
import { signal } from '../ui.js'
import { get, patch, post } from '../api.js'
import { mayEdit } from '../session.js'

/** @typedef {{id: string, ownerId: string, name: string, recordingIds: string[], access: 'own' | 'write' | 'read'}} SetList */

/** All that may be seen, by name; null until they are loaded. */
export const sets = signal(/** @type {SetList[] | null} */ (null))

export async function loadSets() {
  sets.value = await get('/collections')
}

/** May this user change its name and its list? @param {SetList} set */
export const mayChange = (set) => mayEdit() && set.access !== 'read'

/** @param {string} name @returns {Promise<SetList>} */
export async function addSet(name) {
  const made = await post('/collections', { name })
  await loadSets()
  return made
}

/** In its order. @param {string} id */
export const addressOf = (id) => `/library?set=${id}&sort=position&descending=false`

/** Replace its recordings, or its name. @param {string} id @param {{name?: string, recordingIds?: string[]}} change */
export async function changeSet(id, change) {
  const changed = await patch(`/collections/${id}`, change)
  sets.value = (sets.value ?? []).map((s) => (s.id === id ? changed : s))
}

/** Those named move together before another recording of the list; to its end without one. @param {string[]} order @param {string[]} moved @param {string | null} before @returns {string[]} */
export function reordered(order, moved, before) {
  const rest = order.filter((id) => !moved.includes(id))
  const at = before === null ? rest.length : rest.indexOf(before)
  return at < 0 ? order : [...rest.slice(0, at), ...order.filter((id) => moved.includes(id)), ...rest.slice(at)]
}
