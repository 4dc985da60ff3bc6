// Canvases of the timeline. Drawn when the view changes; while the song plays only transforms move.
import { firstAtOrAfter } from '../player/metronome.js'

const FAINT = 0.42
const LABEL_PX = 44

/** @typedef {{times: Float64Array, positions: Uint8Array, barStarts: Float64Array, barNumbers: Int32Array}} Grid bar 1 begins at the first downbeat */

/** @param {[number, number][]} beats seconds and place in the bar @returns {Grid} */
export function gridOf(beats) {
  const times = Float64Array.from(beats, (b) => b[0])
  const positions = Uint8Array.from(beats, (b) => b[1])
  const starts = beats.filter((b) => b[1] === 1).map((b) => b[0])
  return { times, positions, barStarts: Float64Array.from(starts), barNumbers: Int32Array.from(starts, (_, i) => i + 1) }
}

/** Bar and beat at a time, as `12.3`; bar 0 is a pickup. @param {Grid} grid @param {number} timeS */
export function barAt(grid, timeS) {
  const beat = firstAtOrAfter(grid.times, timeS + 1e-4) - 1
  if (beat < 0) return '–'
  return `${firstAtOrAfter(grid.barStarts, grid.times[beat] + 1e-6)}.${grid.positions[beat]}`
}

/** @param {HTMLCanvasElement} canvas @returns {{g: CanvasRenderingContext2D, w: number, h: number, ratio: number} | null} */
function sized(canvas) {
  const ratio = devicePixelRatio || 1
  const box = /** @type {HTMLElement} */ (canvas.parentElement).getBoundingClientRect()
  const [w, h] = [Math.round(box.width * ratio), Math.round(box.height * ratio)]
  if (!w || !h) return null
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w
    canvas.height = h
  }
  const g = canvas.getContext('2d')
  if (!g) return null
  g.clearRect(0, 0, w, h)
  return { g, w, h, ratio }
}

const color = (/** @type {Element} */ element, /** @type {string} */ name) => getComputedStyle(element).getPropertyValue(name).trim()

/** Bars between numbers, a power of two. @param {number} barPx */
function barStep(barPx) {
  let step = 1
  while (barPx * step < LABEL_PX) step *= 2
  return step
}

/** @param {Grid} grid @param {import('./view.js').View} view */
function barWidth(grid, view) {
  const bars = grid.barStarts.length
  return bars > 1 ? ((grid.barStarts[bars - 1] - grid.barStarts[0]) / (bars - 1)) * view.pxPerS : 1e9
}

/** @param {HTMLCanvasElement} canvas @param {import('./view.js').View} view @param {Grid} grid */
export function drawRuler(canvas, view, grid) {
  const surface = sized(canvas)
  if (!surface || !grid.barStarts.length) return
  const { g, w, h, ratio } = surface
  const [ink, line] = [color(canvas, '--muted'), color(canvas, '--line-strong')]
  const barPx = barWidth(grid, view)
  const step = barStep(barPx)
  g.font = `500 ${11 * ratio}px Inter, system-ui, sans-serif`
  g.textBaseline = 'middle'
  const first = Math.max(0, firstAtOrAfter(grid.barStarts, view.startS) - step)
  for (let i = first; i < grid.barStarts.length; i++) {
    const x = view.x(grid.barStarts[i]) * ratio
    if (x > w) break
    const labelled = (grid.barNumbers[i] - 1) % step === 0
    if (!labelled && barPx <= 5) continue
    g.fillStyle = line
    const tall = (labelled ? 10 : 5) * ratio
    g.fillRect(Math.round(x), h - tall, Math.max(1, Math.floor(ratio)), tall)
    if (!labelled) continue
    g.fillStyle = ink
    g.fillText(String(grid.barNumbers[i]), x + 5 * ratio, h * 0.42)
  }
}

/** @param {CanvasRenderingContext2D} g @param {import('./view.js').View} view @param {Grid} grid @param {{w: number, h: number, ratio: number, ink: string}} surface */
function drawGrid(g, view, grid, { w, h, ratio, ink }) {
  const barPx = barWidth(grid, view)
  const step = barPx > 9 ? 1 : barPx * 4 > 9 ? 4 : 16
  const beatPx = grid.times.length > 1 ? (grid.times[1] - grid.times[0]) * view.pxPerS : 0
  g.fillStyle = ink
  let bar = firstAtOrAfter(grid.barStarts, view.startS) - 1
  for (let i = firstAtOrAfter(grid.times, view.startS); i < grid.times.length; i++) {
    const x = view.x(grid.times[i]) * ratio
    if (x > w) break
    const down = grid.positions[i] === 1
    if (down) bar++
    if (down ? bar % step !== 0 : beatPx <= 14) continue
    g.globalAlpha = down ? (bar % 4 === 0 ? 0.9 : 0.5) : 0.32
    g.fillRect(Math.round(x), 0, Math.max(1, Math.floor(0.75 * ratio)), h)
  }
  g.globalAlpha = 1
}

/** @param {HTMLCanvasElement} canvas @param {import('./view.js').View} view @param {Grid} grid @param {import('./peaks.js').Level[] | null} levels @param {number} rateHz */
export function drawLane(canvas, view, grid, levels, rateHz) {
  const surface = sized(canvas)
  if (!surface) return
  const { g, w, h, ratio } = surface
  const style = getComputedStyle(canvas)
  drawGrid(g, view, grid, { w, h, ratio, ink: style.getPropertyValue('--line') })
  if (!levels) return
  const framesPerPx = rateHz / (view.pxPerS * ratio)
  const level = levels.filter((l) => l.framesPerBin <= framesPerPx).pop() ?? levels[0]
  g.fillStyle = style.color
  drawShape(g, level, { first: (view.startS * rateHz) / level.framesPerBin, step: framesPerPx / level.framesPerBin, offset: 0 }, { w, h, ratio }, FAINT)
  drawShape(g, level, { first: (view.startS * rateHz) / level.framesPerBin, step: framesPerPx / level.framesPerBin, offset: 2 }, { w, h, ratio }, 1)
  g.globalAlpha = 1
}

/** @param {CanvasRenderingContext2D} g @param {import('./peaks.js').Level} level @param {{first: number, step: number, offset: number}} place offset 0: peaks, 2: RMS
 * @param {{w: number, h: number, ratio: number}} surface @param {number} alpha */
function drawShape(g, level, { first, step, offset }, { w, h, ratio }, alpha) {
  const d = level.values
  const bins = d.length >> 2
  const middle = h / 2
  const scale = (middle * 0.93) / 127
  g.globalAlpha = alpha
  g.beginPath()
  for (let x = 0; x < w; x++) {
    const at = first + x * step
    const i = Math.floor(at)
    if (i + 1 >= bins) break
    let low = d[4 * i + offset]
    let high = d[4 * i + 1 + offset]
    if (step < 1) {
      const rest = at - i
      low += (d[4 * i + 4 + offset] - low) * rest
      high += (d[4 * i + 5 + offset] - high) * rest
    } else {
      for (let k = i + 1; k < Math.floor(at + step) && k < bins; k++) {
        low = Math.min(low, d[4 * k + offset])
        high = Math.max(high, d[4 * k + 1 + offset])
      }
    }
    const top = middle - high * scale
    g.rect(x, top, 1, Math.max(ratio, middle - low * scale - top))
  }
  g.fill()
}
