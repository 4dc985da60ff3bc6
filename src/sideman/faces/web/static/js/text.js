// The language of the pages: the browser's, where there is a file for it.
import { english } from './text/en.js'

/** @type {Record<string, typeof english>} */
const LANGUAGES = { en: english }
const wanted = navigator.languages.map((l) => l.slice(0, 2)).find((l) => l in LANGUAGES) ?? 'en'
document.documentElement.lang = wanted

export const text = LANGUAGES[wanted]
