// Moving through a song by beats, bars and sections.
import { firstAtOrAfter } from '../player/metronome.js'

const AGAIN_S = 1.2

/** @param {Float64Array} times @param {number} timeS */
function nearestOf(times, timeS) {
  const i = Math.min(firstAtOrAfter(times, timeS), times.length - 1)
  return i > 0 && timeS - times[i - 1] < times[i] - timeS ? times[i - 1] : times[i]
}

export class Navigator {
  /** @param {import('../player/engine.js').Engine} engine @param {import('./drawing.js').Grid} grid @param {import('./song.js').Timeline} timeline */
  constructor(engine, grid, timeline) {
    this.engine = engine
    this.grid = grid
    this.timeline = timeline
  }

  /** @param {number} timeS */
  nearestBeat(timeS) {
    const t = this.grid.times
    return t.length ? nearestOf(t, timeS) : timeS
  }

  /** The bar that begins nearest, or the nearest beat where there are no bars. @param {number} timeS */
  nearestBar(timeS) {
    const t = this.grid.barStarts
    return t.length ? nearestOf(t, timeS) : this.nearestBeat(timeS)
  }

  /** @param {1 | -1} direction @param {'bar' | 'beat'} unit */
  step(direction, unit) {
    const places = unit === 'bar' ? this.grid.barStarts : this.grid.times
    const here = this.engine.positionS()
    if (!places.length) return this.engine.seek(here + direction * (unit === 'bar' ? 2 : 0.5))
    const slack = this.engine.playing.value && direction < 0 ? 0.35 : 0.02
    const i = direction > 0 ? firstAtOrAfter(places, here + 0.02) : firstAtOrAfter(places, here - slack) - 1
    this.engine.seek(i < 0 ? 0 : i < places.length ? places[i] : this.#end)
  }

  get #end() {
    return this.engine.durationS - 0.01
  }

  /** @param {number} timeS @returns {number} -1 where there is no section */
  sectionAt(timeS) {
    return this.timeline.sections.findIndex(([start, end]) => timeS >= start - 1e-3 && timeS < end)
  }

  /** @param {1 | -1} direction */
  section(direction) {
    const { sections } = this.timeline
    if (!sections.length) return this.engine.seek(direction < 0 ? 0 : this.engine.durationS)
    const here = this.engine.positionS()
    const starts = Float64Array.from(sections, ([start]) => start)
    const i = direction > 0 ? firstAtOrAfter(starts, here + 0.02) : firstAtOrAfter(starts, here - AGAIN_S) - 1
    this.engine.seek(i < 0 ? 0 : i < starts.length ? starts[i] : this.#end)
  }

  /** The section or bar that is heard now. @param {'section' | 'bar'} unit @returns {{startS: number, endS: number, name: string} | null} */
  around(unit) {
    const here = this.engine.positionS()
    if (unit === 'section') {
      const found = this.timeline.sections[this.sectionAt(here)]
      return found ? { startS: found[0], endS: Math.min(found[1], this.engine.durationS), name: found[2] } : null
    }
    const bars = this.grid.barStarts
    const i = firstAtOrAfter(bars, here + 1e-3) - 1
    if (i < 0) return null
    const length = i > 0 ? bars[i] - bars[i - 1] : 2
    return { startS: bars[i], endS: Math.min(bars[i + 1] ?? bars[i] + length, this.engine.durationS), name: String(this.grid.barNumbers[i]) }
  }
}
