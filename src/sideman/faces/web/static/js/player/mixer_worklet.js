// Hosts the mixer in the audio thread.
import { MixerCore } from './mixer_core.js'

registerProcessor('sideman-mixer', class extends AudioWorkletProcessor {
  constructor(/** @type {any} */ options) {
    super()
    this.core = new MixerCore({ ...options.processorOptions, sampleRate }, (message, transfer = []) => this.port.postMessage(message, transfer))
    this.port.onmessage = (event) => this.core.message(event.data)
  }

  process(/** @type {Float32Array[][]} */ _inputs, /** @type {Float32Array[][]} */ [[left, right]]) {
    this.core.render(left, right, currentTime + left.length / sampleRate)
    return true
  }
})
