// Everything that the page of a recording shows, as the server has it.
import { ApiError, get, query } from '../api.js'
import { nameOf } from '../kit/roles.js'
import { text } from '../text.js'

/** @typedef {{id: string, name: string, role: string, origin: 'separated' | 'part' | 'excerpt' | 'generated' | 'fitted' | 'imported', generationId: string | null, score: number | null, verdict: string | null, report: any, provenance: any, audioUrl: string, midiUrl: string | null, createdAt: string, audio: import('../player/engine.js').AudioFacts}} Stem */
/** @typedef {{durationS: number, tempoBpm: number | null, meter: string | null, key: {name: string, camelot: string} | null, beats: [number, number][], chords: [number, number, string, number][], keys: [number, number, string][], sections: [number, number, string, number][], otherReadings: [string, number, string, number][], readingsWithBeats: string[], sectionNames: [number, string, number][], lyrics: [number, number, string][], remarks: string[], provenance: Record<string, {engine: string, version: string, confidence: number}>}} Timeline */
/** @typedef {{id: string, kind: string, values: any, createdAt: string, revertedAt: string | null}} Correction */
/** @typedef {{id: string, ownerId: string, title: string, artist: string, fileName: string, durationS: number, status: string, audioUrl: string, artworkUrl: string | null, key: any, tempoBpm: number | null, trashedAt: string | null}} Recording */
/** @typedef {{recording: Recording, timeline: Timeline | null, corrections: Correction[], stems: Stem[], audio: import('../player/engine.js').AudioFacts | null}} Song */

const ORDER = ['vocals', 'lead', 'drums', 'bass', 'guitar', 'piano', 'pad', 'strings', 'other', 'backing', 'kick', 'snare', 'toms', 'hats', 'cymbals', 'residual']
const RANK = /** @type {Record<string, number>} */ ({ separated: 0, imported: 0, part: 1, generated: 2, fitted: 2, excerpt: 3 })

/** What may not be there yet. @template T @param {Promise<T>} wanted @returns {Promise<T | null>} */
async function orNothing(wanted) {
  try {
    return await wanted
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return null
    throw error
  }
}

/** @param {string} id @returns {Promise<Song>} */
export async function loadSong(id) {
  const at = `/recordings/${id}`
  const [recording, corrections, stems] = await Promise.all([get(at), get(`${at}/corrections`), loadStems(id)])
  const known = recording.status !== 'uploaded' || stems.length > 0
  const [timeline, audio] = known ? await Promise.all([orNothing(get(`${at}/timeline`)), orNothing(get(`${at}/audio`))]) : [null, null]
  return { recording, timeline, corrections: corrections.filter((/** @type {Correction} */ c) => !c.revertedAt), stems, audio }
}

/** Facts about audio never change. @type {Map<string, import('../player/engine.js').AudioFacts>} */
const facts = new Map()

/** @param {string} id @returns {Promise<Stem[]>} in the order of the lanes */
export async function loadStems(id) {
  const items = []
  for (let cursor = ''; cursor !== null;) {
    const page = await get(`/stems${query({ recording: id, limit: 200, cursor })}`)
    items.push(...page.items)
    cursor = page.nextCursor
  }
  await Promise.all(items.map(async (/** @type {Stem} */ stem) => {
    if (!facts.has(stem.id)) facts.set(stem.id, await get(`/stems/${stem.id}/audio`))
    stem.audio = /** @type {import('../player/engine.js').AudioFacts} */ (facts.get(stem.id))
  }))
  const place = (/** @type {Stem} */ s) => RANK[s.origin] * 100 + (s.origin === 'generated' ? 0 : ORDER.indexOf(s.role) + 1 || 50)
  return items.sort((/** @type {Stem} */ a, /** @type {Stem} */ b) => place(a) - place(b) || a.createdAt.localeCompare(b.createdAt) || a.name.localeCompare(b.name))
}

/** Lanes that are silent until they are asked for: the song is whole without them. */
export const SILENT_AT_FIRST = ['generated', 'fitted', 'excerpt', 'part']
const PARENTS = /** @type {Record<string, string>} */ ({ kick: 'drums', snare: 'drums', toms: 'drums', hats: 'drums', cymbals: 'drums', lead: 'vocals', backing: 'vocals' })

/** The stem that a part was taken out of. @param {Stem | null} stem */
export const parentRole = (stem) => (stem?.origin === 'part' ? PARENTS[stem.role] : undefined)

/** @param {Stem} stem */
export function laneTitle(stem) {
  if (stem.origin === 'imported' || stem.origin === 'fitted') return stem.name
  if (stem.origin === 'excerpt') return text.separate.excerptLane(nameOf(stem.role))
  if (stem.origin !== 'generated') return nameOf(stem.role)
  const style = stem.provenance?.style ? ` ${stem.provenance.style}` : ''
  const number = /, (\d)\)$/.exec(stem.name)?.[1]
  return `${nameOf(stem.role)}${style}${number ? ` ${number}` : ''}`
}

/** @param {Correction} c */
export function correctionName(c) {
  const name = text.recording.correctionNames[c.kind] ?? c.kind
  const value = c.values.meter ?? c.values.key ?? c.values.chord ?? c.values.label ?? (c.values.beats !== undefined ? `${c.values.beats > 0 ? '+' : ''}${c.values.beats}` : '')
  return value ? `${name} ${value}` : name
}
