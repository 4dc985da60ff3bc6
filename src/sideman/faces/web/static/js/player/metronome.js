// Clicks on the song's own beats, made after the stretcher: they keep their pitch at every tempo.
const HIGH_HZ = 1760
const LOW_HZ = 1320
const DECAY_S = 0.03
const LEVEL = 0.5

/** @param {Float64Array} sorted @param {number} x @returns {number} first index with sorted[index] >= x */
export function firstAtOrAfter(sorted, x) {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] < x) low = middle + 1
    else high = middle
  }
  return low
}

export class Metronome {
  /** @param {number} sampleRate */
  constructor(sampleRate) {
    this.sampleRate = sampleRate
    this.on = false
    this.level = LEVEL
    /** @type {Float64Array} */
    this.beats = new Float64Array(0)
    /** @type {Uint8Array} */
    this.accents = new Uint8Array(0)
    /** @type {{age: number, hz: number}[]} */
    this.voices = []
    this.decay = Math.exp(-1 / (DECAY_S * sampleRate))
  }

  /** @param {Float64Array} beats places in source frames @param {Uint8Array} accents 1 for a downbeat */
  setBeats(beats, accents) {
    this.beats = beats
    this.accents = accents
  }

  /**
   * Start the clicks of beats in [from, to) source frames; `offset` is where `from` lies in the block.
   * @param {Float32Array} left @param {Float32Array} right @param {number} from @param {number} to @param {number} rate @param {number} offset
   */
  between(left, right, from, to, rate, offset) {
    for (let i = firstAtOrAfter(this.beats, from); i < this.beats.length && this.beats[i] < to; i++) {
      this.click(left, right, Math.min(left.length - 1, offset + Math.round((this.beats[i] - from) / rate)), this.accents[i] === 1)
    }
  }

  /** @param {Float32Array} left @param {Float32Array} right @param {number} offset @param {boolean} accent */
  click(left, right, offset, accent) {
    const voice = { age: 0, hz: accent ? HIGH_HZ : LOW_HZ }
    this.#render(voice, left, right, offset)
    this.voices.push(voice)
  }

  /** What still sounds of earlier clicks. @param {Float32Array} left @param {Float32Array} right */
  ring(left, right) {
    for (const voice of this.voices) this.#render(voice, left, right, 0)
    this.voices = this.voices.filter((v) => this.decay ** v.age > 1e-3)
  }

  /** @param {{age: number, hz: number}} voice @param {Float32Array} left @param {Float32Array} right @param {number} offset */
  #render(voice, left, right, offset) {
    const step = (2 * Math.PI * voice.hz) / this.sampleRate
    let level = this.level * this.decay ** voice.age
    for (let i = offset; i < left.length; i++, voice.age++) {
      const sample = level * Math.sin(step * voice.age)
      left[i] += sample
      right[i] += sample
      level *= this.decay
    }
  }
}
