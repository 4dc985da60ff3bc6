// The player as pages see it: lanes, transport, position. One AudioContext, one node, chunks streamed into it.
import { computed, effect, signal } from '../ui.js'
import { openHost } from './hosts.js'
import { Streamer } from './streamer.js'

export const ORIGINAL = 'original'
/** FLAC for a network. From this machine bare samples: browsers hold on to what they decode for long. */
const THIS_MACHINE = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
const STRETCHER_LIMIT_MS = 6000
const SEEK_SHOWN_MS = 250
const STILL_SHOWN_MS = 1500 // nothing moves while it stands still, but messages of before the seek may come as late as that
const METER_FALL = 0.82

/** @typedef {{frames: number, sampleRateHz: number, channels: number, chunkFrames: number, chunks: number}} AudioFacts */
/** @typedef {{key: string, url: string, audio: AudioFacts, volume?: number, muted?: boolean, passing?: boolean}} LaneWish key: a stem's id, or ORIGINAL; passing: a preview, of which the mixer keeps nothing */
/** @typedef {{startS: number, endS: number}} Span */

/** Of each beat, how many its bar has; a last bar that is cut off is as long as the one before. @param {[number, number][]} beats */
function barLengths(beats) {
  const lengths = new Uint8Array(beats.length)
  const starts = beats.flatMap((b, i) => (i === 0 || b[1] <= beats[i - 1][1] ? [i] : []))
  starts.forEach((start, k) => {
    const next = starts[k + 1] ?? beats.length
    const count = beats[next - 1][1]
    lengths.fill(k > 0 && next === beats.length ? Math.max(count, lengths[start - 1]) : count, start, next)
  })
  return lengths
}

export class LaneState {
  /** @param {LaneWish} wish @param {number} index */
  constructor(wish, index) {
    this.key = wish.key
    this.index = index
    this.audio = wish.audio
    this.passing = Boolean(wish.passing)
    this.mute = signal(Boolean(wish.muted))
    this.solo = signal(false)
    this.volume = signal(wish.volume ?? 1)
    this.pan = signal(0)
    this.level = 0
  }
}

export class Engine {
  /** @param {AudioFacts} audio of the recording: its rate and length are those of the song */
  constructor(audio) {
    this.audio = audio
    this.rateHz = audio.sampleRateHz
    this.durationS = audio.frames / audio.sampleRateHz
    this.playing = signal(false)
    this.buffering = signal(false)
    this.tempo = signal(1)
    this.semitones = signal(0)
    this.loop = signal(/** @type {Span | null} */ (null))
    this.master = signal(1)
    this.metronome = signal(false)
    this.countIn = signal(false)
    this.counting = signal(false)
    /** Hear the recording as it came instead of its stems. */
    this.original = signal(false)
    this.lanes = signal(/** @type {LaneState[]} */ ([]))
    /** Mutes and solos as they were before a take was auditioned. @type {Map<LaneState, [boolean, boolean]>} */
    this.before = new Map()
    this.canStretch = signal(/** @type {boolean | null} */ (null))
    this.hostKind = signal(/** @type {'worklet' | 'scheduler' | null} */ (null))
    this.soloed = computed(() => this.lanes.value.some((lane) => lane.key !== ORIGINAL && lane.solo.value))
    this.beats = new Float64Array(0)
    this.downbeats = new Uint8Array(0)
    /** Of each beat, how many its bar has. */
    this.beatsPerBar = new Uint8Array(0)
    this.last = { when: 0, position: 0, rate: 1, on: false }
    /** @type {{timeS: number, at: number} | null} */
    this.sought = null
    /** @type {(() => void)[]} */
    this.disposers = []
    /** @type {AudioContext} */
    this.context = new AudioContext({ sampleRate: this.rateHz, latencyHint: 'interactive' }) // at the stems' own rate, so that chunks join exactly
    /** @type {import('./hosts.js').Host | null} */
    this.host = null
    /** @type {[any, Transferable[] | undefined][]} */
    this.unsent = []
    /** @type {LaneState[]} also those that were removed: the mixer counts them */
    this.all = []
    this.streamer = new Streamer({
      packed: !THIS_MACHINE.test(location.hostname), context: this.context, chunkFrames: audio.chunkFrames, audible: (i) => this.audible(this.all[i]), place: () => this.#place(),
      deliver: (lane, number, data) => this.#send({ type: 'chunk', lane, number, data }, [data.buffer]),
      drop: (lane, number) => this.#send({ type: 'drop', lane, number }),
      failed: (lane) => this.remove(this.all[lane].key),
    })
  }

  /** @param {any} message @param {Transferable[]} [transfer] */
  #send(message, transfer) {
    if (this.host) this.host.send(message, transfer)
    else this.unsent.push([message, transfer])
  }

  async open() {
    const shape = { lanes: [], frames: this.audio.frames, chunkFrames: this.audio.chunkFrames }
    const host = await openHost(this.context, shape, (message) => this.#receive(message))
    if (this.streamer.closed) {
      host.close()
      return
    }
    this.host = host
    this.hostKind.value = host.kind
    for (const [message, transfer] of this.unsent.splice(0)) host.send(message, transfer)
    host.node.connect(this.context.destination)
    setTimeout(() => (this.canStretch.value ??= false), STRETCHER_LIMIT_MS)
    this.disposers.push(effect(() => this.#sendGains()), effect(() => this.#send({ type: 'metronome', on: this.metronome.value })))
    this.streamer.pump()
  }

  /** @param {LaneWish} wish */
  add(wish) {
    const lane = new LaneState(wish, this.all.length)
    this.all.push(lane)
    this.streamer.add(wish.url, wish.audio)
    this.#send({ type: 'lane', shape: { channels: wish.audio.channels, frames: wish.audio.frames } })
    this.lanes.value = [...this.lanes.value, lane] // the gains that follow from it start the fetching
    return lane
  }

  /** @param {string} key */
  remove(key) {
    const lane = this.lane(key)
    if (!lane) return
    this.streamer.remove(lane.index)
    this.#send({ type: 'gone', lane: lane.index })
    this.lanes.value = this.lanes.value.filter((l) => l !== lane)
  }

  /** @param {string} key */
  lane(key) {
    return this.lanes.value.find((lane) => lane.key === key)
  }

  /** @param {LaneState} lane */
  audible(lane) {
    if (this.original.value) return lane.key === ORIGINAL
    if (lane.key === ORIGINAL) return false
    return this.soloed.value ? lane.solo.value : !lane.mute.value
  }

  #sendGains() {
    for (const lane of this.lanes.value) {
      const volume = this.audible(lane) ? lane.volume.value ** 2 : 0
      const pan = lane.pan.value // balance law: nothing changes in the centre
      this.#send({ type: 'gain', lane: lane.index, left: volume * Math.min(1, 1 - pan), right: volume * Math.min(1, 1 + pan) })
    }
    this.#send({ type: 'master', value: this.master.value ** 2 })
    this.streamer.pump()
  }

  /** @param {any} m */
  #receive(m) {
    switch (m.type) {
      case 'position':
        this.last = m
        this.counting.value = m.counting
        for (const lane of this.lanes.value) lane.level = Math.max(m.peaks[lane.index] ?? 0, lane.level * METER_FALL)
        this.streamer.pump()
        break
      case 'starved': this.buffering.value = true; this.streamer.pump(); break
      case 'fed': this.buffering.value = false; break
      case 'ended': this.playing.value = false; this.seek(0); break
      case 'spent': this.streamer.reuse(m.data); break
      case 'stretcher': this.canStretch.value = m.there; break
    }
  }

  #place() {
    const frame = this.positionS() * this.rateHz
    const loop = this.loop.value
    const chunkOf = (/** @type {number} */ s) => Math.floor((s * this.rateHz) / this.audio.chunkFrames)
    return {
      chunk: Math.floor(frame / this.audio.chunkFrames), loop: /** @type {[number, number] | null} */ (loop ? [chunkOf(loop.startS), chunkOf(loop.endS)] : null),
    }
  }

  /** What is heard now, in seconds of the song. */
  positionS() {
    if (this.sought) {
      const arrived = this.playing.value && Math.abs(this.last.position / this.rateHz - this.sought.timeS) < 0.2
      if (!arrived && performance.now() - this.sought.at < (this.playing.value ? SEEK_SHOWN_MS : STILL_SHOWN_MS)) return this.sought.timeS
      this.sought = null
    }
    let p = this.last.position / this.rateHz
    if (this.last.on && this.playing.value) {
      p += Math.max(-0.6, Math.min(0.6, this.#heardAt() - this.last.when)) * this.last.rate
      const loop = this.loop.value
      if (loop && this.last.position / this.rateHz <= loop.endS && p >= loop.endS) p -= loop.endS - loop.startS
    }
    return Math.max(0, Math.min(p, this.durationS))
  }

  #heardAt() {
    const stamp = this.context.getOutputTimestamp?.()
    if (!stamp?.performanceTime || stamp.contextTime === undefined) return this.context.currentTime
    return stamp.contextTime + (performance.now() - stamp.performanceTime) / 1000
  }

  async play() {
    this.playing.value = true
    if (this.context.state !== 'running') await this.context.resume()
    if (!this.playing.value || this.streamer.closed) return // stopped while the device woke up
    if (this.countIn.value) this.#sendCount()
    this.#send({ type: 'play' })
    this.streamer.pump()
  }

  pause() {
    this.playing.value = false
    this.counting.value = false
    this.#send({ type: 'pause' })
  }

  toggle() {
    if (this.playing.value) this.pause()
    else this.play()
  }

  /** @param {number} timeS */
  seek(timeS) {
    const s = Math.max(0, Math.min(timeS, this.durationS))
    this.sought = { timeS: s, at: performance.now() }
    this.#send({ type: 'seek', position: Math.round(s * this.rateHz) })
    if (!this.playing.value) this.last = { ...this.last, position: Math.round(s * this.rateHz) }
    this.streamer.pump()
  }

  /** @param {Span | null} span */
  setLoop(span) {
    this.loop.value = span
    const frames = (/** @type {number} */ s) => Math.round(s * this.rateHz)
    this.#send({ type: 'loop', loop: span && { start: frames(span.startS), end: frames(span.endS) } })
    this.streamer.pump()
  }

  /** @param {number} tempo 0.5 to 1.5 @param {number} [semitones] */
  setTempo(tempo, semitones = this.semitones.value) {
    this.tempo.value = Math.round(Math.max(0.5, Math.min(1.5, tempo)) * 100) / 100
    this.semitones.value = Math.max(-12, Math.min(12, semitones))
    this.#send({ type: 'tempo', rate: this.tempo.value, semitones: this.semitones.value })
  }

  /** @param {[number, number][]} beats seconds and place in the bar */
  setBeats(beats) {
    this.beats = Float64Array.from(beats, (b) => Math.round(b[0] * this.rateHz)) // whole frames, as places to seek: a song that begins on a beat clicks there
    this.downbeats = Uint8Array.from(beats, (b) => Number(b[1] === 1))
    this.beatsPerBar = barLengths(beats)
    this.#send({ type: 'beats', beats: this.beats, accents: this.downbeats })
  }

  /** One bar at the tempo that follows, before the place where the song begins. */
  #sendCount() {
    if (this.beats.length < 2) return
    const here = this.positionS() * this.rateHz
    let next = this.beats.findIndex((b) => b >= here - 1)
    if (next < 0 || next > this.beats.length - 2) next = this.beats.length - 2
    const period = (this.beats[next + 1] - this.beats[next]) / this.tempo.value
    const lead = Math.max(0, this.beats[next] - here) / this.tempo.value // the song may begin before its first beat
    const count = this.beatsPerBar[next]
    const total = Math.max(0, count * period - lead)
    const at = Array.from({ length: count }, (_, k) => k * period).filter((x) => x < total)
    this.#send({ type: 'count', at, accents: at.map((_, k) => k === 0), total })
  }

  close() {
    this.streamer.close()
    for (const dispose of this.disposers) dispose()
    this.host?.close()
    this.context.close()
  }
}
