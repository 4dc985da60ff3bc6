// The sound of all lanes at one place: one read head, so that no lane can drift against another.
const INT16 = 1 / 32768
const LOOP_FADE_S = 0.005

/** @typedef {{channels: number, frames: number}} LaneShape */
/** @typedef {{start: number, end: number}} Loop in frames */

class Lane {
  /** @param {LaneShape} shape @param {number} chunkFrames */
  constructor(shape, chunkFrames) {
    this.channels = shape.channels
    this.frames = shape.frames
    /** @type {(Int16Array | null)[]} */
    this.chunks = new Array(Math.ceil(shape.frames / chunkFrames)).fill(null)
    this.gone = false
    this.left = 0
    this.right = 0
    this.leftTarget = 0
    this.rightTarget = 0
    this.peak = 0
  }

  get audible() {
    return !this.gone && (this.left !== 0 || this.right !== 0 || this.leftTarget !== 0 || this.rightTarget !== 0)
  }
}

export class LaneReader {
  /** @param {number} chunkFrames @param {number} sampleRate */
  constructor(chunkFrames, sampleRate) {
    this.chunkFrames = chunkFrames
    this.fade = Math.round(sampleRate * LOOP_FADE_S)
    /** @type {Lane[]} */
    this.lanes = []
    /** @type {Loop | null} */
    this.loop = null
  }

  /** @param {LaneShape} shape */
  add(shape) {
    this.lanes.push(new Lane(shape, this.chunkFrames))
  }

  /** @param {Loop | null} loop */
  setLoop(loop) {
    this.loop = loop && loop.end - loop.start > 2 * this.fade ? loop : null
  }

  /** Is everything that would be heard of [from, from + count) here? @param {number} from @param {number} count */
  holds(from, count) {
    const first = Math.max(0, Math.floor(from / this.chunkFrames))
    const last = Math.floor((from + count - 1) / this.chunkFrames)
    return this.lanes.every((lane) => {
      if (!lane.audible) return true
      for (let n = first; n <= last && n < lane.chunks.length; n++) if (!lane.chunks[n]) return false
      return true
    })
  }

  /** Take gains over at once, while nothing is heard. */
  settle() {
    for (const lane of this.lanes) {
      lane.left = lane.leftTarget
      lane.right = lane.rightTarget
    }
  }

  /**
   * Write `count` source frames from `from`, through the loop, and move the gains to their targets.
   * @param {Float32Array} left @param {Float32Array} right @param {number} from @param {number} count
   * @param {Loop | null} [loop] null: straight on
   * @returns {number} where it stopped
   */
  read(left, right, from, count, loop = this.loop) {
    left.fill(0, 0, count)
    right.fill(0, 0, count)
    let done = 0
    while (done < count) {
      let part = count - done
      if (loop && from < loop.end) {
        const seam = loop.end - this.fade
        if (from < seam) part = Math.min(part, seam - from)
        else {
          part = Math.min(part, loop.end - from)
          this.#seam(left, right, done, from, part, count, loop)
          from += part
          done += part
          if (from >= loop.end) from = loop.start
          continue
        }
      }
      this.#add(left, right, { at: done, from, part, count, w0: 1, w1: 1 })
      from += part
      done += part
    }
    this.settle()
    return from
  }

  /** The end of a loop fades out while the run-up to its start fades in. */
  #seam(/** @type {Float32Array} */ left, /** @type {Float32Array} */ right, /** @type {number} */ at, /** @type {number} */ from,
    /** @type {number} */ part, /** @type {number} */ count, /** @type {Loop} */ loop) {
    const w0 = (loop.end - from) / this.fade
    const w1 = (loop.end - from - part) / this.fade
    this.#add(left, right, { at, from, part, count, w0, w1 })
    this.#add(left, right, { at, from: loop.start - (loop.end - from), part, count, w0: 1 - w0, w1: 1 - w1 })
  }

  /** @param {Float32Array} left @param {Float32Array} right
   * @param {{at: number, from: number, part: number, count: number, w0: number, w1: number}} run weights w0 to w1 over `part` frames */
  #add(left, right, run) {
    for (const lane of this.lanes) if (lane.audible) this.#addLane(lane, left, right, run)
  }

  /** @param {Lane} lane @param {Float32Array} left @param {Float32Array} right
   * @param {{at: number, from: number, part: number, count: number, w0: number, w1: number}} run */
  #addLane(lane, left, right, { at, from, part, count, w0, w1 }) {
    const gainLeft = lane.left + (lane.leftTarget - lane.left) * (at / count)
    const gainRight = lane.right + (lane.rightTarget - lane.right) * (at / count)
    const stepLeft = (lane.leftTarget - lane.left) / count
    const stepRight = (lane.rightTarget - lane.right) / count
    const weightStep = (w1 - w0) / part
    let peak = lane.peak
    let i = from < 0 ? Math.min(part, -from) : 0
    while (i < part && from + i < lane.frames) {
      const place = from + i
      const number = Math.floor(place / this.chunkFrames)
      const chunk = lane.chunks[number]
      let k = place - number * this.chunkFrames
      const length = Math.min(part - i, this.chunkFrames - k, lane.frames - place)
      if (chunk) {
        const second = lane.channels - 1
        k *= lane.channels
        for (let j = i; j < i + length; j++, k += lane.channels) {
          const weight = (w0 + weightStep * j) * INT16
          const a = chunk[k] * weight * (gainLeft + stepLeft * j)
          const b = chunk[k + second] * weight * (gainRight + stepRight * j)
          left[at + j] += a
          right[at + j] += b
          const loud = Math.max(a < 0 ? -a : a, b < 0 ? -b : b)
          if (loud > peak) peak = loud
        }
      }
      i += length
    }
    lane.peak = peak
  }
}
