// Start: who is there, which page, the frame around it.
import { html, render, signal } from './ui.js'
import { signedOut } from './api.js'
import { connected, unfinished, watchJobs } from './jobs_store.js'
import { Failure, Loading } from './kit/controls.js'
import { Icon } from './kit/icon.js'
import { LibraryPage } from './library/page.js'
import { useDrop } from './library/uploads.js'
import { JobsPage } from './pages/jobs.js'
import { SettingsPage } from './pages/settings.js'
import { SignInPage } from './pages/sign_in.js'
import { StemsPage } from './pages/stems.js'
import { theme, themeChoice } from './preferences.js'
import { RecordingPage } from './recording/page.js'
import { route } from './router.js'
import { mayEdit, me, whoAmI } from './session.js'
import { text } from './text.js'
import { Toasts } from './toasts.js'

const failure = signal(/** @type {Error | null} */ (null))
const LINKS = /** @type {const} */ (['library', 'stems', 'jobs', 'settings'])

async function start() {
  failure.value = null
  try {
    await whoAmI()
    watchJobs()
  } catch (error) {
    if (!signedOut.value) failure.value = /** @type {Error} */ (error)
  }
}

function TopBar() {
  const here = route.value.page === 'recording' ? 'library' : route.value.page
  const working = unfinished.value.length
  const dark = theme.value === 'dark'
  return html`<header class="top">
    <a class="brand" href="#/library"><img src=${new URL('../icon.svg', import.meta.url).pathname} alt="" width="26" height="26" />${text.product}</a>
    <nav aria-label=${text.nav.main}>${LINKS.map((page) => html`<a key=${page} href=${`#/${page}`} aria-current=${here === page ? 'page' : undefined}>${text.nav[page]}
      ${page === 'jobs' && working > 0 && html`<span class="count" aria-label=${text.nav.running(working)}>${working}</span>`}</a>`)}</nav>
    <span class="grow"></span>
    ${!connected.value && html`<span class="offline" role="status"><${Icon} name="triangle-alert" />${text.common.offline}</span>`}
    <button class="icon-button" aria-label=${dark ? text.theme.light : text.theme.dark} onClick=${() => (themeChoice.value = dark ? 'light' : 'dark')}><${Icon} name=${dark ? 'sun' : 'moon'} /></button>
  </header>`
}

function Page() {
  const { page, id } = route.value
  switch (page) {
    case 'library': return html`<${LibraryPage} />`
    case 'recording': return html`<${RecordingPage} id=${id} key=${id} />`
    case 'stems': return html`<${StemsPage} />`
    case 'jobs': return html`<${JobsPage} />`
    case 'settings': return html`<${SettingsPage} />`
    default: return html`<main id="main" class="page"><div class="empty"><h1>${text.common.notFound}</h1><a class="btn" href="#/library">${text.common.toLibrary}</a></div></main>`
  }
}

function App() {
  const over = useDrop()
  if (failure.value) return html`<main id="main" class="page"><${Failure} error=${failure.value} retry=${start} /></main>`
  if (signedOut.value) return html`<${SignInPage} onDone=${start} /><${Toasts} />`
  if (!me.value) return html`<main id="main" class="page"><${Loading} /></main>`
  return html`<a class="skip" href="#main" onClick=${(/** @type {Event} */ e) => { e.preventDefault(); document.getElementById('main')?.focus() }}>${text.skip}</a><${TopBar} /><${Page} /><${Toasts} />
    ${over && mayEdit() && html`<div class="drop-veil" aria-hidden="true"><${Icon} name="upload" /><b>${text.library.dropNow}</b></div>`}`
}

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById('app')))
start()
