import { html, useEffect } from '../ui.js'
import { Dialog } from '../kit/controls.js'
import { shortcuts } from '../preferences.js'
import { text } from '../text.js'

const TEMPO_STEP = 0.05
const ZOOM = 1.5

/** What each key does. @param {import('./player.js').Desk} desk @returns {Record<string, (event: KeyboardEvent) => void>} */
function actions(desk) {
  const { engine, view } = desk
  const choose = (/** @type {number} */ by) => desk.choose(Math.max(0, Math.min(desk.rows.length - 1, desk.chosenIndex + by)))
  const chosen = () => desk.rows[desk.chosenIndex]
  return {
    ' ': () => engine.toggle(), arrowleft: (e) => desk.navigator.step(-1, e.shiftKey ? 'beat' : 'bar'), arrowright: (e) => desk.navigator.step(1, e.shiftKey ? 'beat' : 'bar'),
    arrowup: () => choose(-1), arrowdown: () => choose(1), home: () => engine.seek(0), end: () => engine.seek(engine.durationS - 0.01), l: (e) => desk.toggleLoop(e.shiftKey ? 'bar' : 'section'),
    m: () => desk.mute(chosen()), s: () => desk.solo(chosen()), x: () => desk.minus(chosen()), '[': () => desk.navigator.section(-1), ']': () => desk.navigator.section(1),
    '+': () => view.zoom(ZOOM, view.width / 2), '=': () => view.zoom(ZOOM, view.width / 2), '-': () => view.zoom(1 / ZOOM, view.width / 2), 0: () => view.fit(), f: () => (desk.follow.value = !desk.follow.value),
    ',': () => engine.setTempo(engine.tempo.value - TEMPO_STEP), '.': () => engine.setTempo(engine.tempo.value + TEMPO_STEP), ';': () => engine.setTempo(engine.tempo.value, engine.semitones.value - 1), "'": () => engine.setTempo(engine.tempo.value, engine.semitones.value + 1),
    o: () => (engine.original.value = !engine.original.value), c: () => (engine.metronome.value = !engine.metronome.value), i: () => (engine.countIn.value = !engine.countIn.value), g: () => (desk.drawer.value = desk.drawer.value === 'generate' ? '' : 'generate'), p: () => (desk.drawer.value = desk.drawer.value === 'separate' ? '' : 'separate'), '?': () => (desk.help.value = true),
    escape: () => {
      if (desk.drawer.value) desk.drawer.value = ''
      else engine.setLoop(null)
    },
  }
}

/** For a drawer: Escape closes it, and does nothing else. @param {() => void} close */
export const closeOnEscape = (close) => (/** @type {KeyboardEvent} */ e) => {
  if (e.key !== 'Escape') return
  e.preventDefault()
  close()
}

/** Keys that a focused control needs for itself. @param {HTMLElement} target @param {string} key */
function takenBy(target, key) {
  if (target.matches('input:not([type=range]):not([type=checkbox]),textarea,select')) return true
  if (target.matches('input[type=range]')) return /^(arrow|home|end)/.test(key)
  return key === ' ' && target.matches('button,a,input,summary')
}

/** @param {import('./player.js').Desk} desk */
export function useKeyboard(desk) {
  useEffect(() => {
    const all = actions(desk)
    const down = (/** @type {KeyboardEvent} */ e) => {
      if (!shortcuts.value || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || document.querySelector('dialog[open], [role=menu]')) return
      const key = e.key.toLowerCase()
      if (takenBy(/** @type {HTMLElement} */ (e.target), key)) return
      const number = /^Digit([1-9])$/.exec(e.code)
      if (number) {
        const row = desk.rows[Number(number[1]) - 1]
        if (e.shiftKey) desk.solo(row)
        else desk.mute(row)
      } else if (key in all) all[key](e)
      else return
      e.preventDefault()
    }
    addEventListener('keydown', down)
    return () => removeEventListener('keydown', down)
  }, [desk])
}

/** @param {{onClose: () => void}} props */
export function KeyboardHelp({ onClose }) {
  return html`<${Dialog} title=${text.keyboard.title} onClose=${onClose} wide>
    ${!shortcuts.value && html`<p>${text.keyboard.off}</p>`}
    <dl class="keys">${text.keyboard.rows.map(([keys, what]) => html`<div key=${keys}><dt>${what}</dt><dd>${keys.split(' ').map((k) => html`<kbd>${k}</kbd>`)}</dd></div>`)}</dl><//>`
}
