// What a person chose for this browser.
import { effect, signal } from './ui.js'

/** @template T @param {string} name @param {T} initial */
function kept(name, initial) {
  const key = `sideman.${name}`
  let start = initial
  try {
    const found = localStorage.getItem(key)
    if (found !== null) start = JSON.parse(found)
  } catch {
    start = initial // storage may be switched off, or hold another version's value
  }
  const value = signal(start)
  effect(() => {
    try {
      localStorage.setItem(key, JSON.stringify(value.value))
    } catch {
      value.peek() // without storage the choice lasts as long as the page
    }
  })
  return value
}

export const themeChoice = kept('theme', /** @type {'dark' | 'light' | 'system'} */ ('system'))
export const shortcuts = kept('shortcuts', true)
export const notifications = kept('notifications', false)
export const libraryView = kept('view', /** @type {'table' | 'cards'} */ ('table'))
export const separation = kept('separation', { preset: 'preview', stems: /** @type {string[]} */ ([]) })
export const analyseUploads = kept('analyse', true)

const light = matchMedia('(prefers-color-scheme: light)')
export const theme = signal(/** @type {'dark' | 'light'} */ ('dark'))
const applied = () => {
  theme.value = themeChoice.value === 'system' ? (light.matches ? 'light' : 'dark') : themeChoice.value
  document.documentElement.dataset.theme = theme.value
}
effect(applied)
light.addEventListener('change', applied)
