// Corrections of what the analysis found: sent, taken back, and what they are about.
import { post, remove } from '../api.js'
import { clock } from '../format.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { barAt } from './drawing.js'

/** @typedef {{kind: 'chord' | 'section', startS: number, endS: number, label: string}} Span */
/** @typedef {Span | {kind: 'key'} | {kind: 'names'} | {kind: 'meter'} | {kind: 'tempo'}} Editing what a dialog changes */

/** @param {import('./player.js').Desk} desk @param {() => void} reload */
export function correcting(desk, reload) {
  const at = `/recordings/${desk.song.recording.id}/corrections`
  const revert = async (/** @type {string} */ id) => {
    try {
      await remove(`${at}/${id}`)
      notify(text.recording.reverted, 'good')
      reload()
    } catch (error) {
      notifyError(error)
    }
  }
  const correct = async (/** @type {string} */ kind, /** @type {any} */ values = {}) => {
    try {
      const made = await post(at, { kind, values })
      notify(text.recording.corrected, 'good', { label: text.common.undo, run: () => revert(made.id) })
      reload()
      return true
    } catch (error) {
      notifyError(error)
      return false
    }
  }
  return { correct, revert }
}

/** What the loop spans, or else what sounds now; its name is that of what is there. @param {import('./player.js').Desk} desk
 * @param {[number, number, string, number][]} spans @returns {[number, number, string]} */
export function spanHere(desk, spans) {
  const { engine, navigator } = desk
  const loop = engine.loop.value
  const at = loop ? loop.startS : engine.positionS()
  const found = spans.find(([start, end]) => start <= at + 1e-3 && at + 1e-3 < end)
  if (loop) return [loop.startS, loop.endS, found?.[2] ?? '']
  const bar = navigator.around('bar')
  return found ? [found[0], found[1], found[2]] : [bar?.startS ?? 0, bar?.endS ?? engine.durationS, '']
}

/** A section that begins at the bar nearest to the playhead and ends where that which is there does. @param {import('./player.js').Desk} desk @returns {Span} */
export function sectionFrom(desk) {
  const startS = desk.navigator.nearestBar(desk.engine.positionS())
  const within = desk.song.timeline.sections.find(([start, end]) => start <= startS + 1e-3 && startS + 1e-3 < end)
  return { kind: 'section', startS, endS: within?.[1] ?? desk.song.timeline.durationS, label: '' }
}

/** A place as bar, beat and time; before the first bar as time alone. @param {import('./player.js').Desk} desk @param {number} timeS */
function place(desk, timeS) {
  const bar = barAt(desk.grid, timeS)
  return /\d/.test(bar) ? text.correct.place(bar, clock(timeS)) : clock(timeS)
}

/** @param {import('./player.js').Desk} desk @param {Span} span */
export const extent = (desk, { startS, endS }) => text.correct.extent(place(desk, startS), place(desk, endS))
