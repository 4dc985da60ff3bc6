// Tempo and pitch without each other: Signalsmith Stretch (WebAssembly, MIT) on the mix bus.
import createModule from '../../vendor/signalsmith-stretch.js'

const BLOCK_S = 0.16
const INTERVAL_S = 0.04
const TONALITY_LIMIT_HZ = 8000

export class Stretcher {
  /**
   * Rejects where WebAssembly may not run. Not all browsers reject: give it a time limit.
   * @param {number} sampleRate
   */
  static async load(sampleRate) {
    const module = await createModule()
    module._main()
    return new Stretcher(module, sampleRate)
  }

  /** @param {any} module @param {number} sampleRate */
  constructor(module, sampleRate) {
    this.module = module
    this.sampleRate = sampleRate
    module._configure(2, Math.round(BLOCK_S * sampleRate), Math.round(INTERVAL_S * sampleRate), true)
    this.inputLatency = module._inputLatency()
    this.outputLatency = module._outputLatency()
    this.capacity = 2 * (this.inputLatency + this.outputLatency) + 8192
    this.pointer = module._setBuffers(2, this.capacity)
    /** Share of a frame that is still to be read. */
    this.rest = 0
    this.feed = 0
  }

  /** @param {number} slot 0, 1: input; 2, 3: output */
  buffer(slot) {
    const memory = this.module.HEAPF32 ? this.module.HEAPF32.buffer : this.module.HEAP8.buffer
    return new Float32Array(memory, this.pointer + 4 * slot * this.capacity, this.capacity)
  }

  /** How many source frames lie ahead of what is heard while `frames` are rendered. @param {number} frames @param {number} rate */
  ahead(frames, rate) {
    return Math.ceil((this.inputLatency + this.outputLatency) * (1 + rate) + frames * rate)
  }

  /**
   * Begin so that the first frame that comes out is that at `position`.
   * @param {number} position @param {number} rate @param {number} semitones
   * @param {(left: Float32Array, right: Float32Array, from: number, count: number) => number} read returns where it stopped
   */
  start(position, rate, semitones, read) {
    const before = this.inputLatency + this.outputLatency
    this.module._reset()
    this.module._setTransposeSemitones(semitones, TONALITY_LIMIT_HZ / this.sampleRate)
    this.feed = read(this.buffer(0), this.buffer(1), Math.round(position + this.inputLatency - before), before)
    this.module._seek(before, rate)
    this.rest = 0
    for (let left = this.outputLatency; left > 0; left -= 512) this.run(Math.min(left, 512), rate, read)
  }

  /**
   * Make `count` output frames in the output buffers.
   * @param {number} count @param {number} rate
   * @param {(left: Float32Array, right: Float32Array, from: number, count: number) => number} read
   */
  run(count, rate, read) {
    this.rest += count * rate
    const wanted = Math.floor(this.rest)
    this.rest -= wanted
    this.feed = read(this.buffer(0), this.buffer(1), this.feed, wanted)
    this.module._process(wanted, count)
  }
}
