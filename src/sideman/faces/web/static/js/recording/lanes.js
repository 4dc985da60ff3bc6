// One stem: its controls on the left, its waveform on the right.
import { html } from '../ui.js'
import { remove } from '../api.js'
import { Menu, MenuItem, Slider } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { colorStyle, iconOf } from '../kit/roles.js'
import { mayEdit } from '../session.js'
import { text } from '../text.js'
import { notify, notifyError } from '../toasts.js'

/** @param {{desk: import('./player.js').Desk, row: import('./player.js').Row, index: number, reload: () => void}} props */
export function LaneHead({ desk, row, index, reload }) {
  const { lane, title, stem } = row
  const original = stem === null
  const generated = stem?.origin === 'generated' || stem?.origin === 'fitted'
  const chosen = desk.chosenIndex === index
  const t = text.lane
  const setPan = (/** @type {number} */ v) => (lane.pan.value = Math.abs(v) < 0.05 ? 0 : v)
  return html`<div class=${`lane-head ${chosen ? 'chosen' : ''}`} style=${colorStyle(row.role)} role="group" aria-label=${title}>
    <div class="row"><button class="name" aria-pressed=${chosen} onClick=${() => desk.choose(index)}><${Icon} name=${iconOf(row.role)} /><span>${title}</span></button>
      ${!original && html`<button class="toggle mute" aria-pressed=${lane.mute.value} aria-label=${t.mute(title)} title=${t.mute(title)} onClick=${() => desk.mute(row)}>M</button>
      <button class="toggle solo" aria-pressed=${lane.solo.value} aria-label=${t.solo(title)} title=${t.solo(title)} onClick=${() => desk.solo(row)}>S</button>
      <${LaneMenu} desk=${desk} row=${row} reload=${reload} />`}</div>
    <div class="row levels">${generated && html`<em class=${`verdict ${stem.verdict}`} title=${stem.report?.reason ?? stem.name}>${stem.origin === 'fitted' ? text.recording.fitted : text.recording.generated}</em>`}<${Slider} label=${t.volume(title)} said=${t.percent(Math.round(lane.volume.value * 100))} min=${0} max=${1.25} step=${0.01} value=${lane.volume.value} kind="tinted" onInput=${(/** @type {number} */ v) => (lane.volume.value = v)} onReset=${() => (lane.volume.value = 1)} />
      <span class="pan"><${Slider} label=${t.pan(title)} said=${t.panned(Math.round(lane.pan.value * 100))} min=${-1} max=${1} step=${0.02} value=${lane.pan.value} kind="centred" onInput=${setPan} onReset=${() => setPan(0)} /></span>
      ${!original && html`<button class="toggle minus" aria-pressed=${desk.without.value === lane.key} aria-label=${t.minus(title)} title=${t.minus(title)} onClick=${() => desk.minus(row)}><${Icon} name="headphones" /></button>`}</div>
    <div class="meter" aria-hidden="true"><i></i></div></div>`
}

/** @param {{desk: import('./player.js').Desk, row: import('./player.js').Row, reload: () => void}} props */
function LaneMenu({ desk, row, reload }) {
  const { stem, title, lane } = row
  if (!stem) return null
  const off = desk.without.value === lane.key
  const discard = async () => {
    try {
      desk.engine.remove(stem.id)
      await remove(`/stems/${stem.id}`)
      notify(text.generate.discarded)
      reload()
    } catch (error) {
      notifyError(error)
    }
  }
  return html`<${Menu} label=${`${text.common.actions}: ${title}`} icon="ellipsis" kind="toggle" side="left">
    <${MenuItem} icon="headphones" title=${off ? text.lane.minusOff : text.lane.minus(title)} onClick=${() => desk.minus(row)} />
    <${MenuItem} icon="download" title=${text.lane.download(title)} onClick=${() => (location.href = `/api/v1/stems/${stem.id}/file?attachment=true`)} />
    ${stem.midiUrl && html`<${MenuItem} icon="keyboard-music" title="MIDI" onClick=${() => (location.href = `/api/v1/stems/${stem.id}/midi`)} />`}
    ${['generated', 'fitted'].includes(stem.origin) && mayEdit() && html`<${MenuItem} icon="trash-2" title=${text.lane.discard(title)} onClick=${discard} />`}<//>`
}

/** @param {{desk: import('./player.js').Desk, row: import('./player.js').Row, index: number, onScrub: (e: PointerEvent) => void}} props */
export function Lane({ desk, row, index, onScrub }) {
  const audible = desk.engine.audible(row.lane)
  const down = (/** @type {PointerEvent} */ e) => {
    desk.choose(index)
    onScrub(e)
  }
  return html`<div class=${`lane ${audible ? '' : 'silent'}`} style=${colorStyle(row.role)} onPointerDown=${down}><canvas role="img" aria-label=${text.lane.wave(row.title)}></canvas></div>`
}
