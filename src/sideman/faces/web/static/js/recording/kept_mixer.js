// The mixer of each recording, kept in this browser: levels, pans, mutes and solos of its stems.
import { effect } from '../ui.js'
import { ORIGINAL } from '../player/engine.js'

/** @typedef {[number, number, boolean, boolean]} Strip fader, pan, mute, solo */
const KINDS = ['number', 'number', 'boolean', 'boolean']
const keyOf = (/** @type {string} */ recordingId) => `sideman.mixer.${recordingId}`

/** @param {string} recordingId @returns {Map<string, Strip>} by stem */
export function mixerOf(recordingId) {
  try {
    const found = Object.entries(JSON.parse(localStorage.getItem(keyOf(recordingId)) ?? '{}') ?? {})
    const sound = (/** @type {any} */ strip) => Array.isArray(strip) && KINDS.every((kind, i) => typeof strip[i] === kind)
    return new Map(/** @type {[string, Strip][]} */ (found.filter(([, strip]) => sound(strip))))
  } catch {
    return new Map() // storage may be switched off, or hold another version's value
  }
}

/** @param {import('../player/engine.js').LaneState} lane @param {Strip | undefined} strip */
export function setStrip(lane, strip) {
  if (strip) [lane.volume.value, lane.pan.value, lane.mute.value, lane.solo.value] = strip
}

/** Keep every change from now on, but not what an audition or a preview changes for a while; returns what ends it. @param {string} recordingId @param {import('../player/engine.js').Engine} engine */
export function keepMixer(recordingId, engine) {
  return effect(() => {
    const stems = engine.lanes.value.filter((lane) => lane.key !== ORIGINAL && !lane.passing)
    const strips = stems.map((l) => {
      const now = /** @type {[boolean, boolean]} */ ([l.mute.value, l.solo.value])
      return [l.key, [l.volume.value, l.pan.value, ...(engine.before.get(l) ?? now)]]
    })
    if (!strips.length) return
    try {
      localStorage.setItem(keyOf(recordingId), JSON.stringify(Object.fromEntries(strips)))
    } catch {
      return // without storage the mixer lasts as long as the page
    }
  })
}
