// Which part of the song the timeline shows.
import { signal } from '../ui.js'

const CLOSEST_PX_PER_S = 600

export class View {
  /** @param {number} durationS */
  constructor(durationS) {
    this.durationS = durationS
    this.width = 1000
    this.startS = 0
    this.pxPerS = 1
    this.fitted = true
    /** Counts changes. */
    this.revision = signal(0)
  }

  /** @param {number} width */
  resize(width) {
    if (width === this.width || width <= 0) return
    this.width = width
    if (this.fitted) this.fit()
    else this.show(this.startS, this.pxPerS)
  }

  fit() {
    this.show(0, this.width / this.durationS)
  }

  /** @param {number} startS @param {number} pxPerS */
  show(startS, pxPerS) {
    const least = this.width / this.durationS
    this.pxPerS = Math.max(least, Math.min(CLOSEST_PX_PER_S, pxPerS))
    this.fitted = this.pxPerS <= least * 1.0001
    this.startS = Math.max(0, Math.min(startS, this.durationS - this.width / this.pxPerS))
    this.revision.value++
  }

  /** @param {number} factor @param {number} atPx the place that stays where it is */
  zoom(factor, atPx) {
    const time = this.timeAt(atPx)
    const pxPerS = Math.max(this.width / this.durationS, Math.min(CLOSEST_PX_PER_S, this.pxPerS * factor))
    this.show(time - atPx / pxPerS, pxPerS)
  }

  /** @param {number} timeS */
  x(timeS) {
    return (timeS - this.startS) * this.pxPerS
  }

  /** @param {number} px */
  timeAt(px) {
    return this.startS + px / this.pxPerS
  }
}
