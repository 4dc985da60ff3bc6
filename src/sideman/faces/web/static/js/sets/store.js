// Set lists: recordings in an order, for a rehearsal or a gig. The REST API calls them collections.
import { effect, signal } from '../ui.js'
import { get, patch, post } from '../api.js'
import { mayEdit, me } from '../session.js'

/** @typedef {{id: string, ownerId: string, name: string, recordingIds: string[], access: 'own' | 'write' | 'read'}} SetList */

/** All that may be seen, by name; null until they are loaded. */
export const sets = signal(/** @type {SetList[] | null} */ (null))
effect(() => {
  if (!me.value) sets.value = null // whoever signs in next sees none of them
})

export async function loadSets() {
  sets.value = await get('/collections')
}

/** May this user change its name and its list? @param {SetList} set */
export const mayChange = (set) => mayEdit() && set.access !== 'read'

/** @param {SetList} set */
export const isMine = (set) => set.ownerId === me.value?.userId

/** In its order. @param {string} id */
export const addressOf = (id) => `/library?set=${id}&sort=position&descending=false`

/** A recording, opened from a set list where setId names one. @param {string} recordingId @param {string} setId */
export const recordingIn = (recordingId, setId) => `/recording/${recordingId}${setId && `?set=${setId}`}`

/** @param {string} name @returns {Promise<SetList>} */
export async function addSet(name) {
  const made = await post('/collections', { name })
  await loadSets()
  return made
}

/** @param {string} id @param {string} name */
export async function renameSet(id, name) {
  keep(await patch(`/collections/${id}`, { name }))
}

let queue = Promise.resolve(0)

/** One change after the other, each made to the list that the server has by then. @param {string} id @param {(recordingIds: string[]) => string[]} change @returns {Promise<number>} by how many recordings it grew */
export function changeList(id, change) {
  const done = queue.catch(() => 0).then(async () => {
    const { recordingIds } = await get(`/collections/${id}`)
    const changed = await patch(`/collections/${id}`, { recordingIds: change(recordingIds) })
    keep(changed)
    return changed.recordingIds.length - recordingIds.length
  })
  queue = done
  return done
}

/** @param {SetList} changed */
function keep(changed) {
  sets.value = (sets.value ?? []).map((s) => (s.id === changed.id ? changed : s))
}

/** A recording moves before another one of the list; to its end without one. @param {string[]} order @param {string} moved @param {string | null} before @returns {string[]} */
export function reordered(order, moved, before) {
  const rest = order.filter((id) => id !== moved)
  const at = before === null ? rest.length : rest.indexOf(before)
  return at < 0 || rest.length === order.length ? order : [...rest.slice(0, at), moved, ...rest.slice(at)]
}
