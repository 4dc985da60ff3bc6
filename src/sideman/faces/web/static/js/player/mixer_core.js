// What is heard, block by block. Knows no browser: the worklet and the scheduler both host it.
import { LaneReader } from './lane_reader.js'
import { Metronome } from './metronome.js'
import { Stretcher } from './stretcher.js'

const BLOCK = 128
const REPORTS_PER_S = 30
const STRETCHER_LIMIT_MS = 5000

/** @typedef {import('./lane_reader.js').LaneShape} LaneShape */
/** @typedef {{lanes: LaneShape[], frames: number, chunkFrames: number, sampleRate: number}} MixerShape */

export class MixerCore {
  /** @param {MixerShape} shape @param {(message: any, transfer?: Transferable[]) => void} post */
  constructor({ lanes, frames, chunkFrames, sampleRate }, post) {
    this.frames = frames
    this.sampleRate = sampleRate
    this.post = post
    this.reader = new LaneReader(chunkFrames, sampleRate)
    for (const lane of lanes) this.reader.add(lane)
    this.metronome = new Metronome(sampleRate)
    this.position = 0
    this.playing = false
    this.rate = 1
    this.semitones = 0
    this.master = 1
    this.masterNow = 1
    this.gate = 0
    this.starved = false
    this.stretching = false
    /** The stretcher began behind the loop. */
    this.behind = false
    this.untilReport = 0
    /** @type {number | null} */
    this.pendingSeek = null
    /** @type {{rate: number, semitones: number} | null} */
    this.pendingTempo = null
    /** @type {{at: number[], accents: boolean[], total: number, done: number} | null} */
    this.counting = null
    /** @type {Stretcher | null} */
    this.stretcher = null
    this.#loadStretcher()
  }

  #loadStretcher() {
    const late = new Promise((_, reject) => globalThis.setTimeout?.(() => reject(new Error('no answer')), STRETCHER_LIMIT_MS))
    Promise.race([Stretcher.load(this.sampleRate), late]).then(
      (made) => {
        this.stretcher = made
        this.post({ type: 'stretcher', there: true })
      },
      () => this.post({ type: 'stretcher', there: false }),
    )
  }

  /** @param {any} m */
  message(m) {
    const lanes = this.reader.lanes
    switch (m.type) {
      case 'chunk': lanes[m.lane].chunks[m.number] = m.data; break
      case 'drop': this.#giveBack(lanes[m.lane], m.number); break
      case 'lane': this.reader.add(m.shape); break
      case 'gone': lanes[m.lane].gone = true; lanes[m.lane].chunks.forEach((_, n) => this.#giveBack(lanes[m.lane], n)); break
      case 'gain': lanes[m.lane].leftTarget = m.left; lanes[m.lane].rightTarget = m.right; break
      case 'master': this.master = m.value; break
      case 'play': this.playing = true; this.untilReport = 0; break
      case 'pause': this.playing = false; this.counting = null; break
      case 'seek': this.pendingSeek = m.position; break
      case 'loop': this.#setLoop(m.loop); break
      case 'tempo': this.pendingTempo = { rate: m.rate, semitones: m.semitones }; break
      case 'beats': this.metronome.setBeats(m.beats, m.accents); break
      case 'metronome': this.metronome.on = m.on; break
      case 'count': this.#count(m.at, m.accents, m.total); break
    }
  }

  /** The stretcher has read ahead, on the way that the loop before this one led. @param {{start: number, end: number} | null} loop */
  #setLoop(loop) {
    this.reader.setLoop(loop)
    if (this.stretching) this.pendingSeek ??= this.position
  }

  /** Memory that is dropped in an audio thread stays for long: its collector hardly runs. The page uses it again. @param {any} lane @param {number} number */
  #giveBack(lane, number) {
    const data = lane.chunks[number]
    lane.chunks[number] = null
    if (data) this.post({ type: 'spent', data }, [data.buffer])
  }

  /** Ends on a block, so that the song begins exactly on its beat. @param {number[]} at @param {boolean[]} accents @param {number} total */
  #count(at, accents, total) {
    const whole = Math.ceil(total / BLOCK) * BLOCK
    this.counting = { at: at.map((x) => x + whole - total), accents, total: whole, done: 0 }
  }

  get #neutral() {
    return this.rate === 1 && this.semitones === 0
  }

  /** Tempo changes that can be made: without the stretcher only back to the original. */
  get #tempoReady() {
    const p = this.pendingTempo
    return p !== null && (this.stretcher !== null || (p.rate === 1 && p.semitones === 0))
  }

  /** Render one block of 128 frames. @param {Float32Array} left @param {Float32Array} right @param {number} when context time of its end */
  render(left, right, when) {
    left.fill(0)
    right.fill(0)
    if (this.gate === 0) this.#jump()
    if (this.counting && this.playing) this.#renderCount(left, right)
    else this.#renderSong(left, right)
    this.metronome.ring(left, right)
    this.#report(left.length, when)
  }

  /** While nothing is heard, jumps are made at once. */
  #jump() {
    if (this.#tempoReady && this.pendingTempo) {
      this.rate = this.pendingTempo.rate
      this.semitones = this.pendingTempo.semitones
      this.pendingTempo = null
      this.stretching = false
    }
    if (this.pendingSeek !== null) {
      this.position = this.pendingSeek
      this.pendingSeek = null
      this.stretching = false
      this.untilReport = 0
    }
  }

  /** @param {Float32Array} left @param {Float32Array} right */
  #renderCount(left, right) {
    const c = this.counting
    if (!c) return
    c.at.forEach((at, i) => {
      if (at >= c.done && at < c.done + left.length) this.metronome.click(left, right, Math.floor(at - c.done), c.accents[i])
    })
    c.done += left.length
    if (c.done >= c.total) this.counting = null
  }

  /** @param {Float32Array} left @param {Float32Array} right */
  #renderSong(left, right) {
    const n = left.length
    const atEnd = this.position >= this.frames
    const here = !atEnd && this.#resident(n)
    this.#tellStarved(this.playing && !here && !atEnd)
    if (atEnd && this.playing) {
      this.playing = false
      this.post({ type: 'ended' })
    }
    const jump = this.pendingSeek !== null || this.#tempoReady
    const target = this.playing && here && !jump ? 1 : 0
    if (this.gate === 0 && target === 0) {
      this.reader.settle()
      this.masterNow = this.master
      return
    }
    const gateBefore = this.gate
    const from = this.position
    if (here) this.#fill(left, right, n)
    this.gate = here ? target : 0
    if (this.gate === 0) this.stretching = false
    const gate = (this.gate - gateBefore) / n
    const master = (this.master - this.masterNow) / n
    for (let i = 0; i < n; i++) {
      const gain = (this.masterNow + master * i) * (gateBefore + gate * i)
      left[i] *= gain
      right[i] *= gain
    }
    this.masterNow = this.master
    if (this.metronome.on && this.gate > 0) this.#clicks(left, right, from)
  }

  /** @param {number} n */
  #resident(n) {
    const ahead = this.#neutral || !this.stretcher ? n : this.stretcher.ahead(n, this.rate)
    const loop = this.reader.loop
    if (!this.reader.holds(this.position, Math.min(ahead, Math.max(1, this.frames - this.position)))) return false
    const wraps = loop && this.position < loop.end && this.position + ahead >= loop.end
    return !wraps || this.reader.holds(loop.start, ahead)
  }

  /** @param {Float32Array} left @param {Float32Array} right @param {number} n */
  #fill(left, right, n) {
    if (this.#neutral || !this.stretcher) {
      this.position = this.reader.read(left, right, this.position, n)
      return
    }
    if (!this.stretching) this.behind = this.reader.loop !== null && this.position >= this.reader.loop.end
    const through = this.behind ? null : this.reader.loop // what is read before a place behind the loop leads there, not back
    const read = (/** @type {Float32Array} */ l, /** @type {Float32Array} */ r, /** @type {number} */ from, /** @type {number} */ count) =>
      this.reader.read(l, r, from, count, through)
    if (!this.stretching) {
      this.stretcher.start(this.position, this.rate, this.semitones, read)
      this.stretching = true
    }
    this.stretcher.run(n, this.rate, read)
    left.set(this.stretcher.buffer(2).subarray(0, n))
    right.set(this.stretcher.buffer(3).subarray(0, n))
    const loop = this.reader.loop
    const before = this.position
    this.position += n * this.rate
    if (loop && before < loop.end && this.position >= loop.end) this.position -= loop.end - loop.start
  }

  /** @param {Float32Array} left @param {Float32Array} right @param {number} from where the block began */
  #clicks(left, right, from) {
    const rate = this.#neutral ? 1 : this.rate
    const loop = this.reader.loop
    if (loop && this.position < from) {
      this.metronome.between(left, right, from, loop.end, rate, 0)
      this.metronome.between(left, right, loop.start, this.position, rate, Math.round((loop.end - from) / rate))
    } else this.metronome.between(left, right, from, this.position, rate, 0)
  }

  /** @param {boolean} now */
  #tellStarved(now) {
    if (now !== this.starved) this.post({ type: now ? 'starved' : 'fed' })
    this.starved = now
  }

  /** @param {number} n @param {number} when */
  #report(n, when) {
    this.untilReport -= n
    if (this.untilReport > 0) return
    this.untilReport = this.sampleRate / REPORTS_PER_S
    const peaks = this.reader.lanes.map((lane) => {
      const peak = lane.peak
      lane.peak = 0
      return peak
    })
    const counting = this.counting !== null && this.playing
    this.post({ type: 'position', when, position: this.position, rate: this.rate, on: this.gate > 0, counting, peaks })
  }
}
