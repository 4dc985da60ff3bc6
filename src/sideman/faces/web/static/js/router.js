// Which page is shown: the part of the address behind #.
import { signal } from './ui.js'

/** @typedef {{page: string, id: string, query: URLSearchParams}} Route */

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // a stray % stands for itself
  }
}

/** @returns {Route} */
function read() {
  const [path, question] = (location.hash.slice(1) || '/library').split('?')
  const [page, id = ''] = path.split('/').filter(Boolean)
  return { page: page ?? 'library', id: decoded(id), query: new URLSearchParams(question ?? '') }
}

export const route = signal(read())
addEventListener('hashchange', () => (route.value = read()))

/** @param {string} address such as `/recording/ID` */
export function go(address) {
  location.hash = address
}

/** Change the question behind the path without a new entry in the history. @param {string} address */
export function replace(address) {
  history.replaceState(null, '', `#${address}`)
  route.value = read()
}
