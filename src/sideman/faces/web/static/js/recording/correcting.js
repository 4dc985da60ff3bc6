// Corrections of what the analysis found: sent, taken back, and what they are about.
import { post, remove } from '../api.js'
import { clock } from '../format.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'
import { barAt } from './drawing.js'

/** @typedef {{kind: 'chord' | 'section', startS: number, endS: number, label: string, ofS?: number}} Span ofS: a moment of what is changed; without it something new is laid over what is there */
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
 * @param {'chord' | 'section'} kind @returns {Span} */
export function spanHere(desk, kind) {
  const { engine, navigator, song: { timeline } } = desk
  const spans = kind === 'chord' ? timeline.chords : timeline.sections
  const loop = engine.loop.value
  const at = loop ? loop.startS : engine.positionS()
  const found = spans.find(([start, end]) => start <= at + 1e-3 && at + 1e-3 < end)
  const whole = found && loop && near(found[0], loop.startS) && near(Math.min(found[1], engine.durationS), loop.endS) // a section is looped by a double click
  if (loop && !whole) return { kind, startS: loop.startS, endS: Math.min(loop.endS, timeline.durationS), label: found?.[2] ?? '' }
  if (found) return { kind, startS: found[0], endS: Math.min(found[1], timeline.durationS), label: found[2], ofS: (found[0] + found[1]) / 2 }
  const bar = navigator.around('bar')
  const next = Math.min(nextStart(spans, at, timeline.durationS), bar?.endS ?? desk.grid.barStarts[0] ?? timeline.durationS)
  return { kind, startS: Math.max(bar?.startS ?? 0, spans.findLast(([, end]) => end <= at + 1e-3)?.[1] ?? 0), endS: next, label: '' }
}

/** @param {number} a @param {number} b */
const near = (a, b) => Math.abs(a - b) < 0.01

/** Where the next span begins. @param {[number, number, string, number][]} spans @param {number} at @param {number} endS */
const nextStart = (spans, at, endS) => spans.find(([start]) => start > at + 1e-3)?.[0] ?? endS

/** A section that begins at the bar nearest to the playhead and ends where that which is there does. @param {import('./player.js').Desk} desk @returns {Span} */
export function sectionFrom(desk) {
  const { sections, durationS } = desk.song.timeline
  const startS = desk.navigator.nearestBar(desk.engine.positionS())
  const within = sections.find(([start, end]) => start <= startS + 1e-3 && startS + 1e-3 < end)
  return { kind: 'section', startS, endS: Math.min(within?.[1] ?? nextStart(sections, startS, durationS), durationS), label: '' }
}

/** A place as bar, beat and time; before the first bar as time alone. @param {import('./player.js').Desk} desk @param {number} timeS */
function place(desk, timeS) {
  const bar = barAt(desk.grid, timeS)
  return /\d/.test(bar) ? text.correct.place(bar, clock(timeS)) : clock(timeS)
}

/** @param {import('./player.js').Desk} desk @param {Span} span */
export const extent = (desk, { startS, endS }) => text.correct.extent(place(desk, startS), place(desk, endS))
