// Overview, bars, sections, chords and lanes on one time axis.
import { effect, html, useEffect, useRef } from '../ui.js'
import { clock } from '../format.js'
import { chordHue, isMinor } from '../music.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { correcting } from './correcting.js'
import { drawLane, drawRuler } from './drawing.js'
import { Lane, LaneHead } from './lanes.js'
import { readPeaks } from './peaks.js'
import { usePlayhead } from './playhead.js'

const DRAG_PX = 4
const SECTION_HUES = [250, 300, 190, 70, 20, 140, 330, 100, 220]

/** @param {string} label */
const sectionHue = (label) => SECTION_HUES[(label.charCodeAt(0) + label.length * 3) % SECTION_HUES.length]

/** Peaks of lanes, by lane: bytes that never change. @type {Map<string, import('./peaks.js').Level[]>} */
const peaks = new Map()

/** @param {string} key @param {string} url @returns {Promise<import('./peaks.js').Level[]>} */
async function loadPeaks(key, url) {
  const known = peaks.get(key)
  if (known) return known
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
  const levels = readPeaks(await answer.arrayBuffer())
  if (peaks.size > 100) peaks.clear()
  peaks.set(key, levels)
  return levels
}

/** @param {{desk: import('./player.js').Desk, reload: () => void}} props */
export function Timeline({ desk, reload }) {
  const root = useRef(/** @type {HTMLElement | null} */ (null))
  const axis = useRef(/** @type {HTMLElement | null} */ (null))
  const { engine, view } = desk
  const rows = desk.rows
  const { timeline, recording } = desk.song
  useDrawing(desk, root, axis, rows)
  usePlayhead(desk, root)
  useWheel(view, root, axis)
  const edit = (/** @type {import('./correcting.js').Editing} */ what) => mayEdit() && (desk.editing.value = what)
  const px = (/** @type {PointerEvent} */ e) => e.clientX - /** @type {HTMLElement} */ (axis.current).getBoundingClientRect().left
  const scrub = (/** @type {PointerEvent} */ e) => drag(e, () => engine.seek(view.timeAt(px(e))), (move) => engine.seek(view.timeAt(px(move))))
  const ruler = (/** @type {PointerEvent} */ e) => {
    const from = px(e)
    const start = view.timeAt(from)
    let looping = false
    drag(e, () => undefined, (move) => {
      if (!looping && Math.abs(px(move) - from) < DRAG_PX) return
      looping = true
      const ends = [start, view.timeAt(px(move))].map((t) => (e.altKey ? t : desk.navigator.nearestBeat(t))).sort((a, b) => a - b)
      if (ends[1] - ends[0] > 0.05) engine.setLoop({ startS: Math.max(0, ends[0]), endS: Math.min(engine.durationS, ends[1]) })
    }, () => {
      if (!looping) engine.seek(start)
    })
  }
  const still = (/** @type {Event} */ e) => e.stopPropagation()
  const edge = (/** @type {PointerEvent} */ e, /** @type {number} */ index) => {
    e.stopPropagation()
    moveEdge(desk, index, e, (at) => view.timeAt(px(at)), /** @type {HTMLElement} */ (root.current?.querySelector('.moved-edge')), reload)
  }
  const overview = (/** @type {PointerEvent} */ e) => {
    const box = /** @type {HTMLElement} */ (e.currentTarget).getBoundingClientRect()
    const time = ((e.clientX - box.left) / box.width) * engine.durationS
    if (view.fitted) engine.seek(time)
    else view.show(time - view.width / view.pxPerS / 2, view.pxPerS)
  }
  return html`<section class="timeline" ref=${root} aria-label=${text.recording.timeline}>
    <div class="corner" aria-hidden="true"><span></span><span>${text.recording.bars}</span><span>${text.recording.sections}</span><span>${text.recording.chords}</span></div>
    <div class="axis" ref=${axis}>
      <div class="overview" aria-hidden="true" onPointerDown=${overview}>${timeline.sections.map(([start, end, label], i) => html`<${OverviewPart} key=${i} start=${start / engine.durationS} end=${end / engine.durationS} hue=${sectionHue(label)} />`)}<div class="window" hidden></div></div>
      <div class="ruler" title=${text.recording.dragToLoop} onPointerDown=${ruler}><canvas aria-hidden="true"></canvas></div>
      <div class="blocks sections" role="group" aria-label=${text.recording.sections}>${timeline.sections.map(([start, end, label], i) => html`<button class="block" key=${i} style=${{ '--hue': String(sectionHue(label)) }} title=${text.recording.loopSection(label)}
        onClick=${() => engine.seek(start)} onDblClick=${() => engine.setLoop({ startS: start, endS: Math.min(end, engine.durationS) })}>${i > 0 && mayEdit() && html`<i class="edge" title=${text.correct.edge(label)} onPointerDown=${(/** @type {PointerEvent} */ e) => edge(e, i)} onClick=${still} onDblClick=${still}></i>`}${label}</button>`)}</div>
      <div class="blocks chords" role="group" aria-label=${text.recording.chords}>${timeline.chords.map(([start, end, label], i) => html`<button class=${`block ${isMinor(label) ? 'minor' : ''} ${label === 'N' ? 'none' : ''}`} key=${i} tabindex="-1" style=${{ '--hue': String(chordHue(label)) }}
        aria-label=${`${desk.chord(label)}, ${clock(start)}`} title=${mayEdit() ? text.recording.chordTip(desk.chord(label)) : desk.chord(label)} onClick=${() => engine.seek(start)} onDblClick=${() => edit({ kind: 'chord', startS: start, endS: end, label })}>${desk.chord(label)}</button>`)}</div>
    </div>
    <div class="scroll"><div class="lanes">${rows.map((row, i) => html`
      <${LaneHead} key=${`head ${row.lane.key}`} desk=${desk} row=${row} index=${i} reload=${reload} /><${Lane} key=${row.lane.key} desk=${desk} row=${row} index=${i} onScrub=${scrub} />`)}</div></div>
    <div class="clip" aria-hidden="true"><div class="loop" hidden></div><div class="moved-edge" hidden></div><div class="playhead"></div></div>
    ${timeline.remarks.length > 0 && html`<details class="remarks"><summary>${text.recording.remarks} (${timeline.remarks.length})</summary><ul>${timeline.remarks.map((r) => html`<li key=${r}>${r}</li>`)}</ul></details>`}
    <span class="sr">${recording.title}</span>
  </section>`
}

/** @param {{start: number, end: number, hue: number}} props */
function OverviewPart({ start, end, hue }) {
  return html`<i style=${{ left: `${100 * start}%`, width: `calc(${100 * (end - start)}% - 2px)`, '--hue': String(hue) }}></i>`
}

/** Drag the beginning of a section to another bar, with Alt to another beat. @param {import('./player.js').Desk} desk @param {number} index @param {PointerEvent} event
 * @param {(at: PointerEvent) => number} timeAt @param {HTMLElement} line shows where it would begin @param {() => void} reload */
function moveEdge(desk, index, event, timeAt, line, reload) {
  const { navigator, song: { timeline } } = desk
  const [before, moved] = [timeline.sections[index - 1], timeline.sections[index]]
  const grasp = moved[0] - timeAt(event)
  const [least, most] = [navigator.nearestBar(before[0]), navigator.nearestBar(moved[1])]
  let to = moved[0]
  const hide = () => (line.hidden = true)
  drag(event, () => /** @type {HTMLElement} */ (event.target).setPointerCapture(event.pointerId), (move) => { // so that the click that follows is the edge's
    if (Math.abs(move.clientX - event.clientX) < DRAG_PX) return
    const time = (move.altKey ? navigator.nearestBeat : navigator.nearestBar).call(navigator, timeAt(move) + grasp)
    to = time > least + 1e-3 && time < most - 1e-3 ? time : to
    line.hidden = to === moved[0]
    line.style.left = `${desk.view.x(to)}px`
  }, () => {
    hide()
    if (to !== moved[0]) correcting(desk, reload).correct('set-section', { start_s: to, end_s: Math.min(moved[1], timeline.durationS), label: moved[2], of_s: (moved[0] + moved[1]) / 2 })
  }, hide)
}

/** Follow the pointer until it is lifted. @param {PointerEvent} event @param {() => void} down @param {(move: PointerEvent) => void} move @param {() => void} [up] @param {() => void} [cancel] */
function drag(event, down, move, up, cancel = up) {
  if (event.button) return
  down()
  const stop = (/** @type {PointerEvent} */ e) => {
    removeEventListener('pointermove', move)
    removeEventListener('pointerup', stop)
    removeEventListener('pointercancel', stop)
    if (e.type === 'pointercancel') cancel?.()
    else up?.()
  }
  addEventListener('pointermove', move)
  addEventListener('pointerup', stop)
  addEventListener('pointercancel', stop)
}

/** @param {import('./view.js').View} view @param {{current: HTMLElement | null}} root @param {{current: HTMLElement | null}} axis */
function useWheel(view, root, axis) {
  useEffect(() => {
    const wheel = (/** @type {WheelEvent} */ e) => {
      const sideways = e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)
      if (e.ctrlKey || e.metaKey) view.zoom(Math.exp(-e.deltaY * 0.004), e.clientX - /** @type {HTMLElement} */ (axis.current).getBoundingClientRect().left)
      else if (sideways) view.show(view.startS + (e.deltaX || e.deltaY) / view.pxPerS, view.pxPerS)
      else return
      e.preventDefault()
    }
    root.current?.addEventListener('wheel', wheel, { passive: false })
    return () => root.current?.removeEventListener('wheel', wheel)
  }, [])
}

/** Draw again when the view, the loop, the size or the theme changes. @param {import('./player.js').Desk} desk @param {{current: HTMLElement | null}} root
 * @param {{current: HTMLElement | null}} axis @param {import('./player.js').Row[]} rows */
function useDrawing(desk, root, axis, rows) {
  const again = useRef(() => {})
  useEffect(() => {
    const element = /** @type {HTMLElement} */ (root.current)
    let frame = 0
    const draw = () => {
      frame = 0
      desk.view.resize(axis.current?.clientWidth ?? 0)
      drawAll(desk, element)
    }
    again.current = () => {
      frame ||= requestAnimationFrame(draw)
    }
    const stop = effect(() => {
      desk.view.revision.value
      desk.engine.loop.value
      again.current()
    })
    const sizes = new ResizeObserver(() => again.current())
    sizes.observe(/** @type {HTMLElement} */ (axis.current))
    sizes.observe(/** @type {Element} */ (element.querySelector('.lanes')))
    const themes = new MutationObserver(() => again.current())
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    document.fonts?.ready.then(() => again.current())
    return () => {
      stop()
      sizes.disconnect()
      themes.disconnect()
      cancelAnimationFrame(frame)
    }
  }, [desk])
  useEffect(() => {
    again.current()
    for (const row of rows) {
      const url = row.stem ? `/api/v1/stems/${row.stem.id}/peaks.dat` : `/api/v1/recordings/${desk.song.recording.id}/peaks.dat`
      loadPeaks(row.lane.key + (row.stem ? '' : desk.song.recording.id), url).then(() => again.current(), () => undefined) // a lane without a picture still plays
    }
  }, [rows.map((r) => r.lane.key).join(), desk.song.timeline, desk.engine.semitones.value])
}

/** @param {import('./player.js').Desk} desk @param {HTMLElement} root */
function drawAll(desk, root) {
  const { view, grid, engine, song } = desk
  const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (root.querySelector(selector))
  drawRuler(/** @type {HTMLCanvasElement} */ (find('.ruler canvas')), view, grid)
  root.querySelectorAll(/** @type {'canvas'} */ ('.lane canvas')).forEach((canvas, i) => {
    const row = desk.rows[i]
    if (row) drawLane(canvas, view, grid, peaks.get(row.lane.key + (row.stem ? '' : song.recording.id)) ?? null, row.lane.audio.sampleRateHz)
  })
  place(root, '.sections .block', view, song.timeline.sections)
  place(root, '.chords .block', view, song.timeline.chords)
  const window_ = find('.overview .window')
  window_.hidden = view.fitted
  window_.style.left = `${(100 * view.startS) / view.durationS}%`
  window_.style.width = `${(100 * view.width) / view.pxPerS / view.durationS}%`
  const loop = engine.loop.value
  const shade = find('.loop')
  shade.hidden = !loop
  if (loop) {
    shade.style.left = `${view.x(loop.startS)}px`
    shade.style.width = `${(loop.endS - loop.startS) * view.pxPerS}px`
  }
}

/** @param {HTMLElement} root @param {string} selector @param {import('./view.js').View} view @param {[number, number, ...any[]][]} spans */
function place(root, selector, view, spans) {
  root.querySelectorAll(/** @type {'button'} */ (selector)).forEach((block, i) => {
    if (!spans[i]) return
    const left = view.x(spans[i][0])
    const width = (spans[i][1] - spans[i][0]) * view.pxPerS - 2
    block.hidden = left + width < -20 || left > view.width + 20
    if (block.hidden) return
    block.style.transform = `translateX(${left}px)`
    block.style.width = `${Math.max(2, width)}px`
    const letters = (block.textContent ?? '').length
    block.classList.toggle('small', width < letters * 8.4 + 8)
    block.classList.toggle('tiny', width < letters * 6.6 + 6)
  })
}
