// What the list of recordings is asked for: the words, filters and order in the address, so that a search can be kept as a link.
import { query } from '../api.js'
import { keyName } from '../music.js'
import { replace } from '../router.js'
import { text } from '../text.js'

/** @typedef {{q: string, set: string, status: string, key: string, compatible: boolean, tempoFrom: string, tempoTo: string, meter: string, tag: string, sort: string, descending: boolean, trashed: boolean}} Search */

export const SORTS = /** @type {const} */ (['added', 'title', 'artist', 'tempo', 'key', 'duration'])
const WORDS = /** @type {const} */ (['q', 'set', 'status', 'key', 'tempoFrom', 'tempoTo', 'meter', 'tag'])
const ASCENDING_FIRST = new Set(['position', 'title', 'artist', 'key', 'tempo'])

/** Newest and longest first, but names from A and tempos from the slowest. @param {string} sort */
export const startsDescending = (sort) => !ASCENDING_FIRST.has(sort)

/** @param {URLSearchParams} params @returns {Search} */
export function readSearch(params) {
  const words = Object.fromEntries(WORDS.map((name) => [name, params.get(name) ?? '']))
  const sort = params.get('sort') ?? 'added'
  const descending = params.has('descending') ? params.get('descending') === 'true' : startsDescending(sort)
  return /** @type {Search} */ ({ ...words, sort, descending, compatible: params.get('compatible') === 'true', trashed: params.get('trashed') === 'true' })
}

/** @param {Search} search */
export function writeSearch(search) {
  const { sort, descending, ...rest } = search
  const order = sort === 'added' && descending ? {} : { sort, descending: String(descending) }
  replace(`/library${query({ ...rest, ...order })}`)
}

/** The same for the server. @param {Search} s */
export function question(s) {
  return { q: s.q, collection: s.set, status: s.status, key: s.key, compatible: s.compatible && Boolean(s.key), tempoFrom: s.tempoFrom, tempoTo: s.tempoTo, meter: s.meter, tag: s.tag, sort: s.sort === 'position' && !s.set ? 'added' : s.sort, descending: String(s.descending), trashed: s.trashed }
}

/** Filters that are set, each with what takes it away. @param {Search} s @returns {{name: string, without: Partial<Search>}[]} */
export function chips(s) {
  const all = []
  const status = /** @type {Record<string, string>} */ (text.library.status)
  if (s.status) all.push({ name: text.filters.chip.status(status[s.status] ?? s.status), without: { status: '' } })
  if (s.key) all.push({ name: text.filters.chip.key(keyName(s.key), s.compatible), without: { key: '', compatible: false } })
  if (s.tempoFrom || s.tempoTo) all.push({ name: text.filters.chip.tempo(s.tempoFrom, s.tempoTo), without: { tempoFrom: '', tempoTo: '' } })
  if (s.meter) all.push({ name: text.filters.chip.meter(s.meter), without: { meter: '' } })
  if (s.tag) all.push({ name: text.filters.chip.tag(s.tag), without: { tag: '' } })
  return all
}

export const KEYS = ['C', 'C#', 'D', 'Eb', 'E', 'F', 'F#', 'G', 'Ab', 'A', 'Bb', 'B'].flatMap((tonic) => [`${tonic} major`, `${tonic} minor`])
