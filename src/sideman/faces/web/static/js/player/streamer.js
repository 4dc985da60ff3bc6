// Which chunks the mixer should hold, in which order they are fetched, and which may go.
const AHEAD_S = 15
const KEEP_BYTES = 48e6
const PARALLEL = 5
const AT_ONCE = 24
const MUTED_CHUNKS = 3
/** Answers after which asking again is no use; who has to sign in again goes on where they were. */
const GONE = [404, 409, 410, 422]
const RETRY_MS = [300, 1000, 3000, 8000]

/**
 * @typedef {object} StreamedLane
 * @property {string} url chunks lie under it
 * @property {number} channels
 * @property {number} chunks
 * @property {Uint8Array} have 0: no, 1: on its way, 2: here
 * @property {boolean} gone
 */

export class Streamer {
  /**
   * @param {{packed: boolean, context: BaseAudioContext, chunkFrames: number, audible: (lane: number) => boolean, place: () => {chunk: number, loop: [number, number] | null},
   *   deliver: (lane: number, number: number, data: Int16Array) => void, drop: (lane: number, number: number) => void,
   *   failed: (lane: number, status: number) => void}} parts
   */
  constructor(parts) {
    this.parts = parts
    /** @type {StreamedLane[]} */
    this.lanes = []
    this.bytes = 0
    this.underWay = 0
    this.failures = 0
    this.closed = false
    /** @type {Int16Array[]} memory of chunks that were dropped */
    this.spent = []
  }

  /** @param {Int16Array} data */
  reuse(data) {
    if (this.spent.length < AT_ONCE) this.spent.push(data)
  }

  /** @param {string} url @param {{channels: number, chunks: number}} audio */
  add(url, audio) {
    this.lanes.push({ url, channels: audio.channels, chunks: audio.chunks, have: new Uint8Array(audio.chunks), gone: false })
  }

  /** @param {number} lane */
  remove(lane) {
    this.lanes[lane].gone = true
    this.lanes[lane].have.fill(0)
  }

  /** Fetch what is missing. Call it whenever the place or the mix has changed. */
  pump() {
    if (this.closed) return
    for (const [lane, number] of this.#wanted()) {
      if (this.underWay >= PARALLEL) return
      this.#fetch(lane, number)
    }
  }

  /** @returns {[number, number][]} */
  #wanted() {
    const { chunk, loop } = this.parts.place()
    const ahead = Math.ceil((AHEAD_S * this.#rate()) / this.parts.chunkFrames)
    /** @type {[number, number][]} */
    const list = []
    const push = (/** @type {number} */ number, /** @type {boolean} */ audible) => {
      this.lanes.forEach((lane, i) => {
        if (lane.gone || number < 0 || number >= lane.chunks || lane.have[number] || this.parts.audible(i) !== audible) return
        list.push([i, number])
      })
    }
    push(chunk, true)
    push(chunk + 1, true)
    if (loop) {
      push(loop[0], true)
      push(loop[0] + 1, true)
    }
    const end = loop && loop[1] >= chunk ? Math.min(chunk + ahead, loop[1]) : chunk + ahead
    for (let number = chunk + 2; number <= end && list.length < AT_ONCE; number++) push(number, true)
    if (list.length < AT_ONCE) for (let number = chunk; number < chunk + MUTED_CHUNKS; number++) push(number, false)
    return list
  }

  #rate() {
    return this.parts.context.sampleRate
  }

  /** @param {number} laneNumber @param {number} number */
  async #fetch(laneNumber, number) {
    const lane = this.lanes[laneNumber]
    lane.have[number] = 1
    this.underWay++
    try {
      const answer = await fetch(`${lane.url}/chunks/${number}.${this.parts.packed ? 'flac' : 'pcm'}`)
      if (!answer.ok) {
        if (GONE.includes(answer.status)) {
          this.remove(laneNumber)
          this.parts.failed(laneNumber, answer.status)
          return
        }
        throw new Error(`chunk ${number}: ${answer.status}`)
      }
      const data = await this.#samples(await answer.arrayBuffer())
      this.failures = 0
      if (this.closed || lane.gone) return
      lane.have[number] = 2
      this.bytes += data.byteLength
      this.parts.deliver(laneNumber, number, data)
      this.#evict()
    } catch {
      // the network or the server is away: everything that is wanted is asked for again, less and less often
      lane.have[number] = 0
      await new Promise((later) => setTimeout(later, RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]))
    } finally {
      this.underWay--
      this.pump()
    }
  }

  /** @param {ArrayBuffer} bytes @returns {Promise<Int16Array>} */
  async #samples(bytes) {
    if (!this.parts.packed) return new Int16Array(bytes)
    const decoded = await this.parts.context.decodeAudioData(bytes)
    return interleaved(decoded, this.#memory(decoded.length * decoded.numberOfChannels))
  }

  /** @param {number} size @returns {Int16Array} */
  #memory(size) {
    const at = this.spent.findIndex((m) => m.length === size)
    return at < 0 ? new Int16Array(size) : this.spent.splice(at, 1)[0]
  }

  #evict() {
    if (this.bytes <= KEEP_BYTES) return
    const { chunk, loop } = this.parts.place()
    const far = Math.ceil((1.5 * AHEAD_S * this.#rate()) / this.parts.chunkFrames)
    /** @type {[number, number, number][]} */
    const candidates = []
    this.lanes.forEach((lane, i) => {
      lane.have.forEach((state, number) => {
        const inLoopStart = loop !== null && Math.abs(number - loop[0]) <= 1
        if (state === 2 && !inLoopStart && (number < chunk - 2 || number > chunk + far)) candidates.push([Math.abs(number - chunk), i, number])
      })
    })
    candidates.sort((a, b) => b[0] - a[0])
    for (const [, lane, number] of candidates) {
      if (this.bytes <= KEEP_BYTES * 0.9) return
      this.lanes[lane].have[number] = 0
      this.bytes -= this.parts.chunkFrames * this.lanes[lane].channels * 2
      this.parts.drop(lane, number)
    }
  }

  close() {
    this.closed = true
  }
}

/** 16 bit, which is what the server sends, and half the memory. Full scale decodes to 1.0 in some browsers: it must not wrap.
 * @param {AudioBuffer} buffer @param {Int16Array} out */
export function interleaved(buffer, out) {
  const channels = buffer.numberOfChannels
  for (let c = 0; c < channels; c++) {
    const samples = buffer.getChannelData(c)
    for (let i = 0, j = c; i < samples.length; i++, j += channels) {
      const x = samples[i] * 32768
      out[j] = x > 32767 ? 32767 : x < -32768 ? -32768 : Math.round(x)
    }
  }
  return out
}
