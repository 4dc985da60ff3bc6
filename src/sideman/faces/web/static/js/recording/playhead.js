// What moves while the song plays: transforms and class changes only, at most once a frame.
import { useEffect } from '../ui.js'
import { clock } from '../format.js'
import { barAt } from './drawing.js'

/** @param {import('./player.js').Desk} desk @param {{current: HTMLElement | null}} root */
export function usePlayhead(desk, root) {
  useEffect(() => {
    const page = /** @type {HTMLElement} */ (root.current?.closest('main'))
    const head = /** @type {HTMLElement} */ (page.querySelector('.playhead'))
    let frame = 0
    let lastX = NaN
    const tick = () => {
      frame = requestAnimationFrame(tick)
      const { view, engine } = desk
      const time = engine.positionS()
      let x = view.x(time)
      if (desk.follow.value && engine.playing.value && !view.fitted && (x > view.width * 0.92 || x < 0)) {
        view.show(time - (view.width * 0.08) / view.pxPerS, view.pxPerS)
        x = view.x(time)
      }
      if (x !== lastX) {
        head.style.transform = `translateX(${x}px)`
        head.classList.toggle('outside', x < -1 || x > view.width + 1)
        lastX = x
      }
      now.show(desk, time, page)
      meters.show(desk, page)
    }
    const now = new Now()
    const meters = new Meters()
    tick()
    return () => cancelAnimationFrame(frame)
  }, [desk])
}

/** The place in words: time, bar, chord, section. */
class Now {
  constructor() {
    this.shown = /** @type {Record<string, string>} */ ({})
    this.chord = -2
    this.section = -2
    this.timeline = /** @type {any} */ (null)
  }

  /** @param {HTMLElement} page @param {string} selector @param {string} value */
  #write(page, selector, value) {
    if (this.shown[selector] === value) return
    const element = page.querySelector(selector)
    if (!element) return
    this.shown[selector] = value
    element.textContent = value
  }

  /** @param {import('./player.js').Desk} desk @param {number} time @param {HTMLElement} page */
  show(desk, time, page) {
    const { timeline } = desk.song
    if (timeline !== this.timeline) {
      this.timeline = timeline
      this.chord = this.section = -2
    }
    const shown = clock(time, 1)
    const bar = barAt(desk.grid, time)
    this.#write(page, '.now .time', shown)
    this.#write(page, '.now .bar', bar)
    const chord = spanAt(timeline.chords, time)
    const section = spanAt(timeline.sections, time)
    this.#write(page, '.now .chord', chord < 0 ? '–' : desk.chord(timeline.chords[chord][2]))
    const next = timeline.chords[chord + 1]
    this.#write(page, '.now .next', next ? `→ ${desk.chord(next[2])}` : '')
    this.#write(page, '.now .section', section < 0 ? '' : timeline.sections[section][2])
    if (chord !== this.chord) this.chord = mark(page, '.chords .block', this.chord, chord)
    if (section !== this.section) this.section = mark(page, '.sections .block', this.section, section)
    const seek = /** @type {HTMLInputElement | null} */ (page.querySelector('.seek'))
    if (seek && Math.abs(Number(seek.value) - time) >= 1) seek.value = String(Math.round(time))
    if (seek && this.shown.said !== bar) {
      this.shown.said = bar
      seek.setAttribute('aria-valuetext', `${clock(time)}, ${bar}`)
    }
  }
}

/** @param {[number, number, ...any[]][]} spans sorted @param {number} time @returns {number} -1 between them */
export function spanAt(spans, time) {
  let low = 0
  let high = spans.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (spans[middle][0] <= time + 1e-6) low = middle + 1
    else high = middle
  }
  return low > 0 && time < spans[low - 1][1] ? low - 1 : -1
}

/** @param {HTMLElement} page @param {string} selector @param {number} before @param {number} after */
function mark(page, selector, before, after) {
  const blocks = page.querySelectorAll(selector)
  blocks[before]?.removeAttribute('aria-current')
  blocks[after]?.setAttribute('aria-current', 'true')
  return after
}

class Meters {
  constructor() {
    this.shown = /** @type {Map<Element, number>} */ (new Map())
  }

  /** @param {import('./player.js').Desk} desk @param {HTMLElement} page */
  show(desk, page) {
    const rows = desk.rows
    page.querySelectorAll(/** @type {'i'} */ ('.lane-head .meter i')).forEach((bar, i) => {
      const lane = rows[i]?.lane
      const level = lane && desk.engine.playing.value ? Math.min(1, lane.level) : 0
      if (Math.abs(level - (this.shown.get(bar) ?? -1)) < 0.004) return
      this.shown.set(bar, level)
      bar.style.transform = `scaleX(${level.toFixed(3)})`
    })
  }
}

