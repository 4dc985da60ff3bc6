// What to play: stems, style, seed. The drawer of a recording adds chords and range; a batch takes it as it is.
import { html, useEffect, useState } from '../ui.js'
import { get } from '../api.js'
import { Select } from '../kit/controls.js'
import { Icon } from '../kit/icon.js'
import { colorStyle, iconOf, nameOf } from '../kit/roles.js'
import { text } from '../text.js'
import { notifyError } from '../toasts.js'

/** @typedef {{separator: string, generationRoles: string[], parts: Record<string, string>, styles: string[], styleCards: {name: string, title: string, traits: string[]}[], generators: Generator[]}} Engines */
/** @typedef {{engine: string, name: string, licence: string, about: string, use: string, roles: string[], problem: string | null}} Generator */
/** @typedef {{roles: string[], style: string, seed: string, prompt?: string, energy?: string, temperature?: string, engine?: string}} Wish */

export function useEngines() {
  const [engines, setEngines] = useState(/** @type {Engines | null} */ (null))
  useEffect(() => {
    get('/engines').then(setEngines, notifyError) // each time: a network may have been installed since
  }, [])
  return engines
}

/** @param {{engines: Engines, wish: any, suited?: string, onChange: (wish: any) => void}} props suited: the style that suits the song, where it is known */
export function GenerateForm({ engines, wish, suited = '', onChange }) {
  const t = text.generate
  const set = (/** @type {Partial<Wish>} */ change) => onChange({ ...wish, ...change })
  const toggle = (/** @type {string} */ role) => set({ roles: wish.roles.includes(role) ? wish.roles.filter((/** @type {string} */ r) => r !== role) : [...wish.roles, role] })
  const engine = engines.generators.find((g) => g.engine === wish.engine) ?? engines.generators[0]
  const use = text.separate.uses[engine.use] ?? engine.use
  const choose = (/** @type {string} */ name) => {
    const roles = engines.generators.find((g) => g.engine === name)?.roles ?? []
    set({ engine: name, roles: wish.roles.filter((/** @type {string} */ r) => roles.includes(r)) })
  }
  const styles = /** @type {[string, string][]} */ ([['', t.styleOfSong(engines.styleCards.find((s) => s.name === suited)?.title)], ...engines.styleCards.map((s) => [s.name, s.title])])
  const traits = engines.styleCards.find((s) => s.name === wish.style)?.traits ?? []
  return html`<div class="field"><span id="wanted-stems">${t.stems}</span><div class="choices" role="group" aria-labelledby="wanted-stems">${engines.generationRoles.filter((r) => engine.roles.includes(r)).map((role) => html`
      <button type="button" key=${role} title=${engines.parts[role]} aria-pressed=${wish.roles.includes(role)} style=${colorStyle(role)} onClick=${() => toggle(role)}><${Icon} name=${iconOf(role)} />${nameOf(role)}</button>`)}</div></div>
    <div class="pair"><label class="field"><span>${t.style}</span><${Select} label=${t.style} value=${wish.style} options=${styles} onChange=${(/** @type {string} */ style) => set({ style })} /></label>
      <label class="field"><span>${t.seed}</span><input type="number" min="0" max="2147483647" step="1" placeholder=${t.seedHint} value=${wish.seed} onInput=${(/** @type {any} */ e) => set({ seed: e.target.value })} /></label></div>
    <label class="field"><span>${t.prompt}</span><input type="text" maxlength="2000" placeholder=${t.promptHint} value=${wish.prompt ?? ''} onInput=${(/** @type {any} */ e) => set({ prompt: e.target.value })} /></label>
    <div class="pair"><label class="field"><span>${t.energy}</span><${Select} label=${t.energy} value=${wish.energy ?? '0'} options=${t.energies} onChange=${(/** @type {string} */ energy) => set({ energy })} /></label>
      <label class="field"><span>${t.temperature}</span><${Select} label=${t.temperature} value=${wish.temperature ?? '1'} options=${t.temperatures} onChange=${(/** @type {string} */ temperature) => set({ temperature })} /></label></div>
    ${traits.length ? html`<ul class="traits hint">${traits.map((trait) => html`<li key=${trait}>${trait}</li>`)}</ul>` : html`<p class="hint">${t.styleHint}</p>`}
    <div class="field"><label class="field"><span>${t.engine}</span><${Select} label=${t.engine} value=${engine.engine} options=${engines.generators.map((g) => [g.engine, g.problem ? t.engineMissing(g.name) : g.name])} onChange=${choose} /></label>
      <p class="engine">${engine.about}<br /><small>${t.licence(engine.licence)} · ${use}</small>${engine.problem && html`<br /><small class="error" role="alert">${engine.problem}</small>`}</p></div>`
}
