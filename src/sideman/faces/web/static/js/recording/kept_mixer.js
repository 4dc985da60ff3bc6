// The mixer of each recording, kept in this browser: levels, pans, mutes and solos, and whether the recording is heard as it came.
import { effect } from '../ui.js'
import { ORIGINAL } from '../player/engine.js'

const KEY = 'sideman.mixers'
const MOST = 200 // the one that was changed longest ago goes first

/** @typedef {[number, number, boolean, boolean]} Strip fader, pan, mute, solo */
/** @typedef {{strips: Record<string, Strip>, original: boolean}} Mixer */

/** @returns {Record<string, Mixer>} */
function all() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}')
  } catch {
    return {} // storage may be switched off, or hold another version's value
  }
}

/** @param {string} recordingId @returns {Mixer | undefined} */
export const mixerOf = (recordingId) => all()[recordingId]

/** @param {import('../player/engine.js').LaneState} lane @param {Strip | undefined} strip */
export function setStrip(lane, strip) {
  if (!strip) return
  ;[lane.volume.value, lane.pan.value, lane.mute.value, lane.solo.value] = strip
}

/** Keep every change from now on; returns what ends it. @param {string} recordingId @param {import('../player/engine.js').Engine} engine */
export function keepMixer(recordingId, engine) {
  return effect(() => {
    const stems = engine.lanes.value.filter((lane) => lane.key !== ORIGINAL)
    const strips = Object.fromEntries(stems.map((l) => [l.key, /** @type {Strip} */ ([l.volume.value, l.pan.value, l.mute.value, l.solo.value])]))
    const original = engine.original.value
    if (!stems.length) return
    const mixers = all()
    delete mixers[recordingId]
    mixers[recordingId] = { strips, original }
    for (const oldest of Object.keys(mixers).slice(0, -MOST)) delete mixers[oldest]
    try {
      localStorage.setItem(KEY, JSON.stringify(mixers))
    } catch {
      return // without storage the mixer lasts as long as the page
    }
  })
}
