// Play, loop, tempo, transpose, metronome, original or stems.
import { html } from '../ui.js'
import { clock } from '../format.js'
import { Menu, MenuItem, Slider } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { text } from '../text.js'

/** @param {{desk: import('./player.js').Desk, song: import('./player.js').AnalysedSong}} props song: shown anew when it changed */
export function Transport({ desk, song }) {
  const { engine } = desk
  const t = text.transport
  return html`<div class="transport" role="group" aria-label=${t.label}>
    <div class="now"><div class="place"><b class="time num">0:00.0</b><small class="num">${t.bar('')}<span class="bar"></span> · ${clock(engine.durationS)}</small></div>
      <div class="harmony"><div><b class="chord"></b><em class="next"></em></div><small class="section"></small></div></div>
    <${Buttons} desk=${desk} song=${song} />
    <${Settings} desk=${desk} song=${song} />
    <input class="seek sr" type="range" aria-label=${t.position} min="0" max=${Math.round(engine.durationS)} step="1" onInput=${(/** @type {any} */ e) => engine.seek(Number(e.target.value))} />
  </div>`
}

/** @param {{desk: import('./player.js').Desk, song: import('./player.js').AnalysedSong}} props */
function Buttons({ desk, song }) {
  const { engine } = desk
  const t = text.transport
  const playing = engine.playing.value
  const looping = engine.loop.value !== null
  const hasStems = song.stems.length > 0
  return html`<div class="buttons">
    ${hasStems && html`<div class="segmented" role="group" aria-label=${t.ab}><button aria-pressed=${engine.original.value} onClick=${() => (engine.original.value = true)}>${t.original}</button><button aria-pressed=${!engine.original.value} onClick=${() => (engine.original.value = false)}>${t.stems}</button></div>`}
    <button class="icon-button" aria-label=${t.back} title=${t.back} onClick=${() => desk.navigator.section(-1)}><${Icon} name="skip-back" /></button>
    <button class=${`play ${engine.buffering.value && playing ? 'busy' : ''}`} aria-label=${playing ? t.pause : t.play} onClick=${() => engine.toggle()}><${Icon} name=${playing ? 'pause' : 'play'} /></button>
    <button class="icon-button" aria-label=${t.forward} title=${t.forward} onClick=${() => desk.navigator.section(1)}><${Icon} name="skip-forward" /></button>
    ${looping ? html`<button class="icon-button" aria-pressed="true" aria-label=${t.loop} title=${t.loop} onClick=${() => desk.toggleLoop('section')}><${Icon} name="repeat" /></button>` : html`
      <${Menu} label=${t.loop} icon="repeat" kind="icon-button" side="up"><${MenuItem} icon="repeat" title=${t.loopSection} onClick=${() => desk.toggleLoop('section')} /><${MenuItem} icon="repeat" title=${t.loopBar} onClick=${() => desk.toggleLoop('bar')} /><//>`}
    <button class="icon-button" aria-pressed=${engine.metronome.value} aria-label=${t.metronome} title=${t.metronome} onClick=${() => (engine.metronome.value = !engine.metronome.value)}><${Icon} name="metronome" /></button>
    <button class="icon-button" aria-pressed=${engine.countIn.value} aria-label=${t.countIn} title=${t.countIn} onClick=${() => (engine.countIn.value = !engine.countIn.value)}><${Icon} name="timer" /></button>
    ${engine.counting.value && html`<span class="counting" role="status">${t.counting}</span>`}
  </div>`
}

/** @param {{desk: import('./player.js').Desk, song: import('./player.js').AnalysedSong}} props */
function Settings({ desk, song }) {
  const { engine, view } = desk
  const t = text.transport
  const [tempo, semitones] = [engine.tempo.value, engine.semitones.value]
  const fixed = engine.canStretch.value === false
  const bpm = song.timeline.tempoBpm
  const limits = [fixed && t.noStretch, engine.hostKind.value === 'scheduler' && t.scheduler].filter(Boolean)
  const transpose = (/** @type {number} */ by) => engine.setTempo(tempo, semitones + by)
  return html`<div class="adjust">
    ${limits.length > 0 && html`<details class="limits"><summary><${Icon} name="triangle-alert" />${t.limited}</summary><div class="popup up">${limits.map((l) => html`<p>${l}</p>`)}</div></details>`}
    <div class="control tempo"><span class="caption">${t.tempo}<b class="num">${Math.round(tempo * 100)} %${bpm === null ? '' : ` · ${Math.round(bpm * tempo)}`}</b></span><${Slider} label=${t.tempo} said=${text.lane.percent(Math.round(tempo * 100))} min=${0.5} max=${1.5} step=${0.01} value=${tempo} disabled=${fixed} onInput=${(/** @type {number} */ v) => engine.setTempo(v)} onReset=${() => engine.setTempo(1)} /></div>
    <div class="control"><span class="caption">${t.transpose}</span><span class="stepper"><button aria-label=${t.down} disabled=${fixed || semitones <= -12} onClick=${() => transpose(-1)}><${Icon} name="minus" /></button><b class="num" aria-live="polite">${semitones > 0 ? '+' : ''}${semitones}</b><button aria-label=${t.up} disabled=${fixed || semitones >= 12} onClick=${() => transpose(1)}><${Icon} name="plus" /></button></span></div>
    <div class="control"><span class="caption">${t.volume}</span><${Slider} label=${t.masterVolume} said=${text.lane.percent(Math.round(engine.master.value * 100))} min=${0} max=${1} step=${0.01} value=${engine.master.value} kind="plain" onInput=${(/** @type {number} */ v) => (engine.master.value = v)} /></div>
    <button class="icon-button" aria-pressed=${desk.follow.value} aria-label=${t.follow} title=${t.follow} onClick=${() => (desk.follow.value = !desk.follow.value)}><${Icon} name="locate-fixed" /></button>
    <button class="icon-button" aria-label=${t.zoomOut} title=${t.zoomOut} onClick=${() => view.zoom(1 / 1.6, view.width / 2)}><${Icon} name="zoom-out" /></button>
    <button class="icon-button" aria-label=${t.zoomIn} title=${t.zoomIn} onClick=${() => view.zoom(1.6, Math.max(0, Math.min(view.width, view.x(engine.positionS()))))}><${Icon} name="zoom-in" /></button>
    <button class="icon-button" aria-label=${t.shortcuts} title=${t.shortcuts} onClick=${() => (desk.help.value = true)}><${Icon} name="keyboard" /></button></div>`
}
