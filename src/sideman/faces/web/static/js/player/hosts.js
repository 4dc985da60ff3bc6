// Where the mixer runs: in the audio thread, or on the main thread where there is none (plain http on a network).
const SCHEDULED_BLOCK = 2048
const LEAD_S = 0.5
const HIDDEN_LEAD_S = 2
const TICK_MS = 40
const BLOCK = 128

/** @typedef {{kind: 'worklet' | 'scheduler', node: AudioNode, send: (message: any, transfer?: Transferable[]) => void, close: () => void}} Host */

/** @param {AudioContext} context @param {any} shape @param {(message: any) => void} receive @returns {Promise<Host>} */
export async function openHost(context, shape, receive) {
  return context.audioWorklet ? openWorklet(context, shape, receive) : openScheduler(context, shape, receive)
}

/** @param {AudioContext} context @param {any} shape @param {(message: any) => void} receive @returns {Promise<Host>} */
async function openWorklet(context, shape, receive) {
  await context.audioWorklet.addModule(new URL('./mixer_worklet.js', import.meta.url))
  const node = new AudioWorkletNode(context, 'sideman-mixer', { numberOfInputs: 0, outputChannelCount: [2], processorOptions: shape })
  node.port.onmessage = (event) => receive(event.data)
  return {
    kind: 'worklet', node, send: (message, transfer = []) => node.port.postMessage(message, transfer), close: () => node.disconnect(),
  }
}

/** Blocks rendered ahead and handed to the browser's own scheduling. @param {AudioContext} context @param {any} shape
 * @param {(message: any) => void} receive @returns {Promise<Host>} */
export async function openScheduler(context, shape, receive) {
  const { MixerCore } = await import('./mixer_core.js')
  const rate = context.sampleRate
  const core = new MixerCore({ ...shape, sampleRate: rate }, receive)
  const node = context.createGain()
  let next = 0
  const fill = () => {
    const now = context.currentTime
    const lead = document.hidden ? HIDDEN_LEAD_S : LEAD_S
    if (next < now) next = Math.ceil((now + 0.02) * rate) / rate
    while (context.state === 'running' && next < now + lead) {
      const buffer = context.createBuffer(2, SCHEDULED_BLOCK, rate)
      const left = buffer.getChannelData(0)
      const right = buffer.getChannelData(1)
      for (let o = 0; o < SCHEDULED_BLOCK; o += BLOCK) {
        core.render(left.subarray(o, o + BLOCK), right.subarray(o, o + BLOCK), next + (o + BLOCK) / rate)
      }
      const source = context.createBufferSource()
      source.buffer = buffer
      source.connect(node)
      source.start(next)
      next = (Math.round(next * rate) + SCHEDULED_BLOCK) / rate
    }
  }
  const timer = setInterval(fill, TICK_MS)
  return {
    kind: 'scheduler', node, send: (message) => core.message(message),
    close: () => {
      clearInterval(timer)
      node.disconnect()
    },
  }
}
