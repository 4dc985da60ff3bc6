// Colour and icon of each kind of stem.
import { text } from '../text.js'

/** @type {Record<string, {hue: number, icon: string}>} */
const ROLES = {
  vocals: { hue: 2, icon: 'mic' }, drums: { hue: 72, icon: 'drum' }, bass: { hue: 290, icon: 'audio-lines' }, guitar: { hue: 42, icon: 'guitar' },
  piano: { hue: 228, icon: 'piano' }, pad: { hue: 172, icon: 'waves' }, strings: { hue: 340, icon: 'blend' }, lead: { hue: 110, icon: 'sparkles' },
  backing: { hue: 20, icon: 'mic' }, kick: { hue: 60, icon: 'drum' }, snare: { hue: 80, icon: 'drum' }, toms: { hue: 95, icon: 'drum' },
  hats: { hue: 190, icon: 'disc-3' }, cymbals: { hue: 210, icon: 'disc-3' },
  keys: { hue: 250, icon: 'keyboard-music' }, acoustic: { hue: 50, icon: 'guitar' }, brass: { hue: 28, icon: 'music' }, percussion: { hue: 150, icon: 'drum' },
  other: { hue: 130, icon: 'music' }, residual: { hue: 260, icon: 'audio-waveform' }, original: { hue: 270, icon: 'disc-3' },
}

/** @param {string} role */
export const hueOf = (role) => (ROLES[role] ?? ROLES.other).hue
/** @param {string} role */
export const iconOf = (role) => (ROLES[role] ?? ROLES.other).icon
/** @param {string} role */
export const nameOf = (role) => text.roles[role] ?? role.charAt(0).toUpperCase() + role.slice(1)
/** Sets --c. @param {string} role */
export const colorStyle = (role) => ({ '--hue': String(hueOf(role)) })
