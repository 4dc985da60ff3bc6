// Every word that the pages say, in English. Another language is another file with the same keys.
const plural = (/** @type {number} */ n, /** @type {string} */ one, /** @type {string} */ many) => `${n} ${n === 1 ? one : many}`

export const english = {
  product: 'Sideman',
  skip: 'Skip to content',
  nav: { main: 'Main', library: 'Library', stems: 'Stems', jobs: 'Jobs', settings: 'Settings', running: (/** @type {number} */ n) => `${plural(n, 'job', 'jobs')} at work` },
  theme: { light: 'Use light theme', dark: 'Use dark theme' },
  common: {
    close: 'Close', cancel: 'Cancel', loading: 'Loading…', retry: 'Try again', more: 'Load more', undo: 'Undo', none: 'none', unknownArtist: 'Unknown artist',
    dismiss: 'Dismiss', stems: (/** @type {number} */ n) => plural(n, 'stem', 'stems'), actions: 'Actions', remove: 'Remove', save: 'Save', done: 'Done',
    notFound: 'There is no such page.', toLibrary: 'Go to the library', offline: 'The server does not answer. Trying again…', back: 'Connected again.',
  },
  errors: {
    network: 'The server cannot be reached: is it running, and is this machine connected to it?',
    unexpected: (/** @type {number} */ status) => `The server answered ${status} without a reason.`,
    page: 'This page hit an error.',
  },
  signIn: {
    title: 'Sign in', lead: 'This server asks for a key. Whoever runs it makes one with', key: 'API key', submit: 'Sign in', out: 'Sign out',
  },
  welcome: {
    title: 'Bring in your first recording',
    lead: 'Sideman takes it apart, finds its beats, bars, chords, key and sections, and plays along.',
    demo: 'Try the demo song', demoBusy: 'Recording the demo song…', drop: 'Drop audio files anywhere on this page, or',
  },
  library: {
    title: 'Library', count: (/** @type {number} */ n, /** @type {boolean} */ more) => (more ? `${n}+ recordings` : plural(n, 'recording', 'recordings')),
    add: 'Add recordings', drop: 'Drop audio or video files anywhere', dropHint: 'WAV, FLAC, MP3, M4A, OGG, MP4, or a ZIP of stems. Uploads go on after a lost connection.',
    dropNow: 'Drop to add to the library', search: 'Search recordings', table: 'Table', cards: 'Cards', view: 'View', sort: 'Sort by', ascending: 'Order from low to high', descending: 'Order from high to low', trash: 'Trash', backToLibrary: 'Back to the library',
    nothing: 'Nothing fits these filters.', clear: 'Clear filters', trashEmpty: 'The trash is empty.', trashHint: 'What lies here is really gone after some days.', deleteNow: 'Delete now', emptyTrash: 'Empty the trash', confirmEmpty: (/** @type {number} */ n) => `Delete ${plural(n, 'recording', 'recordings')} in the trash?`,
    deleteOne: (/** @type {string} */ t) => `Delete ${t} now`, confirmDelete: (/** @type {string} */ t) => `Delete ${t}?`, confirmDeleteHint: 'With its stems and all that was found in it. It cannot be restored.', deleted: (/** @type {number} */ n) => `${plural(n, 'recording', 'recordings')} deleted.`,
    restore: 'Restore', filters: 'Filters', select: 'Select', selectDone: 'Done selecting', selectAll: 'Select all', selectNone: 'Select none', selectOne: (/** @type {string} */ title) => `Select ${title}`,
    columns: { title: 'Title', stems: 'Stems', length: 'Length', tempo: 'BPM', key: 'Key', status: 'Status', added: 'Added', artist: 'Artist', duration: 'Length' },
    status: { uploaded: 'Not analysed', analyzing: 'Analysing', analyzed: 'Ready', failed: 'Failed' },
    open: (/** @type {string} */ title) => `Open ${title}`,
    artwork: (/** @type {string} */ title) => `Artwork of ${title}`,
  },
  filters: {
    status: 'Status', key: 'Key', compatible: 'and compatible keys', tempo: 'Tempo', meter: 'Meter', tag: 'Tag', any: 'any', from: 'from', to: 'to', bpm: 'BPM',
    chip: { status: (/** @type {string} */ s) => s, key: (/** @type {string} */ k, /** @type {boolean} */ c) => (c ? `${k} and compatible` : k), tempo: (/** @type {string} */ a, /** @type {string} */ b) => `${a || '…'} to ${b || '…'} BPM`, meter: (/** @type {string} */ m) => m, tag: (/** @type {string} */ t) => `#${t}` },
    drop: (/** @type {string} */ name) => `Remove the filter ${name}`,
  },
  batch: {
    bar: 'What to do with the selection', selected: (/** @type {number} */ n) => `${n} selected`, analyse: 'Analyse', generate: 'Generate', tag: 'Tag', export: 'Export stems', trash: 'Trash', clear: 'Clear selection',
    confirmTrash: (/** @type {number} */ n) => `Move ${plural(n, 'recording', 'recordings')} to the trash?`, confirmTrashHint: 'They can be restored from there.',
    tagTitle: (/** @type {number} */ n) => `Tag ${plural(n, 'recording', 'recordings')}`, tagAdd: 'Add tags', tagRemove: 'Remove tags', tagHint: 'Several with commas.',
    generateTitle: (/** @type {number} */ n) => `Generate for ${plural(n, 'recording', 'recordings')}`,
    summary: (/** @type {number} */ ok, /** @type {number} */ bad) => (bad ? `${ok} succeeded, ${bad} failed` : `${ok} succeeded`),
    summaryTitle: { analyse: 'Analysis', generate: 'Generation', tag: 'Tags', export: 'Export', trash: 'Trash', restore: 'Restored' },
    queued: 'Their jobs are on the Jobs page.', exportHint: 'The ZIP files are on the Jobs page when they are done.',
  },
  sets: {
    title: 'Set lists', one: 'Set list', whole: 'Whole library', add: 'New set list', name: 'Name', rename: 'Rename', drop: 'Delete the set list', dropHint: 'Its recordings stay in the library.', confirmDrop: (/** @type {string} */ n) => `Delete ${n}?`, dropped: (/** @type {string} */ n) => `${n} deleted`,
    hint: (/** @type {number} */ n) => plural(n, 'recording', 'recordings'), shared: ', shared with you', others: ', of another user', putHint: 'Who may see a set list sees what is in it.', moved: (/** @type {string} */ t, /** @type {number} */ n, /** @type {number} */ of) => `${t}: ${n} of ${of}`, order: 'Set list', empty: 'Nothing is in this set list yet.', emptyHint: 'Select recordings in the library, then press Set list.', putGo: 'Set list', putTitle: (/** @type {number} */ n) => `Put ${plural(n, 'recording', 'recordings')} into a set list`, put: (/** @type {number} */ n, /** @type {string} */ s) => `${plural(n, 'recording', 'recordings')} put into ${s}`,
    take: 'Take out', taken: (/** @type {number} */ n, /** @type {string} */ s) => `${plural(n, 'recording', 'recordings')} taken out of ${s}`, up: (/** @type {string} */ t) => `${t}: earlier`, down: (/** @type {string} */ t) => `${t}: later`, before: 'Song before', after: 'Next song', place: (/** @type {number} */ n, /** @type {number} */ of) => `${n} of ${of}`,
  },
  share: {
    open: 'Share', title: (/** @type {string} */ n) => `Share ${n}`, nobody: 'Not shared with anybody yet.', ofSet: 'Its recordings are shared with it.', ofRecording: 'A set list that it is in may show it to others, too.', alone: 'There is nobody else here yet. `sideman keys add --user NAME` lets someone in.', user: 'Name of the user', mayWhat: 'They may', access: /** @type {Record<string, string>} */ ({ read: 'listen', write: 'listen and change' }), go: 'Share', drop: (/** @type {string} */ n) => `Stop sharing with ${n}`,
  },
  upload: {
    list: 'Uploads', waiting: 'waiting', share: (/** @type {number} */ p) => `${p} %`, checking: 'reading the file…', done: 'added', known: 'was in the library already',
    retrying: 'the connection was lost, going on…', cancel: (/** @type {string} */ name) => `Cancel ${name}`, again: 'Try again', clear: 'Clear finished', analyse: 'Analyse after upload',
  },
  recording: {
    analyse: 'Analyse', analyseAgain: 'Analyse again', separate: 'Separate', generate: 'Generate', export: 'Export', stemsZip: 'Stems', stemsZipHint: 'ZIP with audio, MIDI and analysis', project: 'DAW project', projectHint: 'For Bitwig, Studio One, Cubase, …', asProject: 'As a DAW project (Bitwig Studio, Studio One, Cubase, …)', evenZip: 'Stems at an even tempo', evenZipHint: 'Everything warped onto one grid', evenAbout: 'The recording, its stems, their MIDI and the analysis, warped onto one tempo for your sequencer. The map that leads back is in the ZIP, not in a DAW project.', evenTempo: 'Beats a minute', notes: 'Find the notes', notesHint: 'MIDI of the song’s own stems, in every export from then on', findingNotes: 'The notes are being found: exports hold them when the job is done.', file: 'Original file', fileHint: 'As it was added', jams: 'JAMS', jamsHint: 'Beats, chords, key, sections for programs',
    mix: 'Mix as heard', mixHint: 'Levels, pans, mutes and solos of now', mixOf: (/** @type {string} */ names) => `What you hear now: ${names}. At most -1 dBTP.`, mixPlain: 'At the song’s own tempo and key: tempo and transposition of the player are not written.', mixing: 'The mix is being made: it is on the Jobs page when done.', format: 'Format', loudness: 'Loudness, LUFS',
    save: 'Save', chordTitle: 'Correct the chord', chordName: 'Chord', chordHint: 'As on a lead sheet: Am7, F♯m7♭5, B♭/D, N.C.', chordHere: 'Correct the chord', chordHereHint: 'The one that sounds now, or what the loop spans', chordTip: (/** @type {string} */ c) => `${c}: double-click to correct`, keyTitle: 'Correct the key', namesTitle: 'Rename', songTitle: 'Title', artist: 'Artist', inTrash: 'This recording is in the trash.',
    exporting: 'The ZIP is being packed: it is on the Jobs page when done.', notAnalysed: 'This recording was not analysed yet', notAnalysedHint: 'Analysis finds beats, bars, chords, key and sections, and takes the recording apart into stems.',
    analysing: 'Analysing', failed: 'The analysis failed', bars: 'Bars', sections: 'Sections', chords: 'Chords', overview: 'Overview', timeline: 'Timeline', noPulse: 'no steady pulse',
    grid: 'Beat grid', halve: 'Halve the tempo', double: 'Double the tempo', later: 'Bar 1 one beat later', earlier: 'Bar 1 one beat earlier', corrections: 'Your corrections', revert: (/** @type {string} */ what) => `Revert: ${what}`, byYou: 'corrected by you',
    correctionNames: /** @type {Record<string, string>} */ ({ 'halve-tempo': 'tempo halved', 'double-tempo': 'tempo doubled', 'move-bar-one': 'bar 1 moved', 'set-meter': 'meter', 'set-key': 'key', 'set-chord': 'chord', 'set-section': 'section', 'move-beat': 'beat moved', 'add-beat': 'beat added', 'remove-beat': 'beat removed', 'take-alternative': 'other reading', 'set-tempo': 'tempo', 'set-beats': 'beats imported', 'set-keys': 'keys imported', 'set-chords': 'chords imported', 'set-sections': 'sections imported' }),
    readings: 'Other readings of the pulse', reading: (/** @type {string} */ name, /** @type {number} */ bpm, /** @type {string} */ meter) => `${bpm} BPM in ${meter} (${name})`, likely: (/** @type {number} */ percent) => `${percent} % likely`,
    importAnnotations: 'Import annotations', importHint: 'JAMS, .beats, .lab, Audacity labels, MIDI tempo map', imported: (/** @type {string} */ what) => `Imported: ${what}. Undo in this menu.`,
    corrected: 'Corrected. Generated stems keep the old grid until they are generated again.', reverted: 'Reverted.', originalLane: 'Original', generated: 'new', fitted: 'fit', confidence: (/** @type {number} */ p) => `${p} % sure`,
    dragToLoop: 'Drag to loop, click to play from here', loopSection: (/** @type {string} */ s) => `${s}: double-click to loop`, remarks: 'Remarks',
  },
  correct: {
    atPlayhead: 'At the playhead', barHere: 'A bar begins here', beatHere: 'Move the nearest beat here', addBeat: 'Add a beat here', removeBeat: 'Remove the nearest beat', isBar: 'A bar begins here already.',
    meter: 'Meter', meterFrom: 'From bar', tempo: 'Constant tempo', tempoHint: 'For what was made to a click', beatsAMinute: 'Beats a minute', downbeat: 'A bar begins', asFirst: (/** @type {string} */ t) => `where the first one does (${t})`, asPlayhead: (/** @type {string} */ t) => `at the playhead (${t})`,
    section: 'Correct the section', sectionHint: 'The one that sounds now, or what the loop spans', sectionBegins: 'A section begins here', sectionName: 'Name', firstBar: 'First bar', lastBar: 'Last bar', join: 'Join with the one before', sectionNames: ['Intro', 'Verse', 'Pre-chorus', 'Chorus', 'Bridge', 'Solo', 'Break', 'Interlude', 'Outro'],
    extent: (/** @type {string} */ a, /** @type {string} */ b) => `From ${a} to ${b}`, place: (/** @type {string} */ bar, /** @type {string} */ time) => `${bar} (${time})`, edge: (/** @type {string} */ s) => `${s}: drag its beginning`,
  },
  lane: {
    mute: (/** @type {string} */ n) => `Mute ${n}`, solo: (/** @type {string} */ n) => `Solo ${n}`, volume: (/** @type {string} */ n) => `Volume of ${n}`, pan: (/** @type {string} */ n) => `Pan of ${n}`, wave: (/** @type {string} */ n) => `Waveform of ${n}`,
    minus: (/** @type {string} */ n) => `Everything but ${n}`, minusOff: 'Hear everything again', muted: (/** @type {string} */ n) => `${n} muted`, on: (/** @type {string} */ n) => `${n} on`, soloed: (/** @type {string} */ n) => `${n} solo`, soloOff: (/** @type {string} */ n) => `${n} solo off`,
    percent: (/** @type {number} */ n) => `${n} percent`, panned: (/** @type {number} */ n) => (n === 0 ? 'centre' : n < 0 ? `${-n} percent left` : `${n} percent right`), discard: (/** @type {string} */ n) => `Discard ${n}`, download: (/** @type {string} */ n) => `Download ${n}`,
  },
  transport: {
    label: 'Transport', play: 'Play', pause: 'Pause', back: 'Previous section', forward: 'Next section', loop: 'Loop', loopBar: 'Loop this bar', loopSection: 'Loop this section', loopOff: 'Loop off', loopSet: (/** @type {string} */ what) => `Loop ${what}`,
    tempo: 'Tempo', transpose: 'Transpose', down: 'Transpose down', up: 'Transpose up', volume: 'Volume', masterVolume: 'Master volume', metronome: 'Metronome', countIn: 'Count-in', counting: 'counting in', original: 'Original', stems: 'Stems', ab: 'Hear the original or the stems', follow: 'Follow the playhead', zoomIn: 'Zoom in', zoomOut: 'Zoom out', fit: 'Whole song', shortcuts: 'Keyboard shortcuts', position: 'Position', bar: (/** @type {string} */ b) => `bar ${b}`,
    noStretch: 'Tempo and transpose need WebAssembly, which this browser does not let pages use.', scheduler: 'Over plain http a browser has no audio thread: playback may stutter while the page is busy. https, or localhost, has one.', limited: 'Limited playback',
  },
  separate: {
    title: 'Take apart', preset: 'Preset', stems: 'Stems', go: 'Separate', preview: (/** @type {number} */ s) => `Preview ${s} s`, queued: 'Separation queued: the stems replace these when they are there.', previewQueued: 'Preview queued: the loudest part comes first.',
    presets: /** @type {Record<string, string>} */ ({ preview: 'Built in', fast: 'Fast', best: 'Best', six: 'Six stems', ensemble: 'Ensemble', scnet: 'SCNet', vocals: 'Vocals', mdx: 'Light', kit: 'Drum kit', lead: 'Lead and backing' }), noStem: (/** @type {string} */ r) => `It takes the stem ${r} apart, and there is none yet: separate the recording first.`, own: 'Ours, Apache-2.0', licence: (/** @type {string} */ l, /** @type {string} */ use) => `Weights: ${l}${use && `, ${use}`}`,
    uses: /** @type {Record<string, string>} */ ({ commercial: 'commercial use allowed', 'revenue limit': 'commercial use below a revenue limit', contested: 'use contested', 'not stated': 'use not stated', 'non-commercial': 'no commercial use' }), time: (/** @type {string} */ t) => `about ${t} here`, untimed: 'not timed here yet', missing: 'not installed',
    needs: (/** @type {string} */ m, /** @type {string} */ s) => `Needs ${m}, ${s}`, termsOf: (/** @type {string} */ m) => `Terms of ${m}`, accept: 'I accept these terms; my name and the time are kept with them.', install: 'Install', installing: (/** @type {string} */ m) => `Installing ${m}`, refused: 'The policy of this server does not allow these weights.', askAdmin: 'An admin of this server can install it.',
    excerpt: 'Preview', excerptOf: (/** @type {string} */ p) => `Preview: ${p}`, excerptLane: (/** @type {string} */ r) => `${r} (preview)`, excerptHint: 'The loudest part of the song, looped. Hear it against the original before you separate the whole.', together: 'All stems', back: 'Back to the stems',
  },
  generate: {
    own: 'A loop of yours', ownHint: 'Any recording of the library: it is brought onto the beats, the key and the level of this song.', ownNone: 'Add the loop to the library first: drop it anywhere.', ownClip: 'Loop', ownRole: 'It plays', ownGo: 'Fit it',
    title: 'Generate', stems: 'Stems to play', style: 'Style', styleOfSong: (/** @type {string | undefined} */ title) => (title ? `${title}, suits the song` : 'As suits the song'), styleHint: 'The style whose accents, tempo and meter are nearest to the song’s; or the one that your words name.', prompt: 'In your words', promptHint: 'louder, busier, simple …', energy: 'Energy', energies: [['-1', 'softer'], ['0', 'as the song'], ['1', 'louder']], temperature: 'Liveliness', temperatures: [['0', 'by the book'], ['0.5', 'steady'], ['1', 'as the style'], ['1.5', 'lively'], ['2', 'free']], more: 'More like this', vary: 'Vary', redo: 'Redo the range', redoHint: 'Play the chosen range anew and keep the rest', chords: 'Chords', chordsHint: 'From the analysis. Change them, and the new stems follow yours.', chordsReset: 'Back to the chords found', chordsCount: (/** @type {number} */ n, /** @type {number} */ got) => `Here are ${got} chords for ${n} places: keep one for each, N.C. for none.`, chordsBad: (/** @type {string} */ c) => `${c} is no chord that I know`, range: 'Range', whole: 'Whole song', loop: 'Loop', engine: 'Engine', engineMissing: (/** @type {string} */ name) => `${name} (not available)`, licence: (/** @type {string} */ l) => `Licence: ${l}`, seed: 'Seed', seedHint: 'empty: a new one', candidates: 'Candidates', go: 'Generate', results: 'Takes', none: 'Nothing was generated yet. Choose stems and press Generate.', working: (/** @type {string} */ step, /** @type {number} */ p) => `${step} · ${p} %`, waiting: (/** @type {number} */ n) => (n ? `waiting, ${n} before it` : 'waiting'),
    audition: 'Audition', stop: 'Stop', keep: 'Keep', kept: 'kept', discard: 'Discard', again: 'Regenerate', queued: 'Generation queued', verdicts: /** @type {Record<string, string>} */ ({ accepted: 'fits', warned: 'fits with a warning', rejected: 'does not fit' }), fit: (/** @type {number} */ p) => `fit ${p} %`, seedOf: (/** @type {number} */ s) => `seed ${s}`, onsets: (/** @type {string} */ ms) => `onsets ${ms} ms from the grid`, tones: (/** @type {number} */ p) => `${p} % chord tones`, discarded: 'Discarded', keptOnly: (/** @type {string} */ n) => `${n} kept, the other takes of it discarded`, failed: (/** @type {string} */ why) => `It failed: ${why}`, cancelled: 'Cancelled', changed: 'with your chords',
  },
  stems: {
    title: 'Stems', search: 'Role', all: 'All roles', key: 'Key', compatible: 'and compatible keys', origin: 'Origin', anyOrigin: 'any origin', play: (/** @type {string} */ n) => `Play ${n}`, pause: (/** @type {string} */ n) => `Pause ${n}`, none: 'No stems yet: analyse a recording or generate some.', nothing: 'No stem fits these filters.', of: 'of', total: (/** @type {number} */ n, /** @type {string} */ size) => `${plural(n, 'stem', 'stems')}, ${size}`,
    origins: /** @type {Record<string, string>} */ ({ separated: 'separated', part: 'part of a stem', excerpt: 'preview', generated: 'generated', fitted: 'your loop', imported: 'imported' }), columns: { stem: 'Stem', recording: 'Recording', origin: 'Origin', tempo: 'BPM', key: 'Key', length: 'Length', fit: 'Fit' },
  },
  jobs: {
    title: 'Jobs', none: 'No jobs yet. Analyse a recording, and its progress is here.', summary: (/** @type {number} */ r, /** @type {number} */ q) => (r || q ? `${r} running, ${q} waiting` : 'all done'), kinds: /** @type {Record<string, string>} */ ({ analysis: 'Analysis', separation: 'Separation', model: 'Model', generation: 'Generation', fit: 'Loop', mix: 'Mix', export: 'Export of stems' }), states: /** @type {Record<string, string>} */ ({ queued: 'Waiting', running: 'Running', completed: 'Done', failed: 'Failed', cancelled: 'Cancelled' }),
    cancel: 'Cancel', retry: 'Retry', remove: 'Remove from the list', download: 'Download', eta: (/** @type {string} */ t) => `about ${t} left`, position: (/** @type {number} */ n) => (n === 0 ? 'next' : `${plural(n, 'job', 'jobs')} before it`), failed: (/** @type {string} */ what) => `${what} failed`, finished: (/** @type {string} */ what) => `${what} done`, took: (/** @type {string} */ t) => `took ${t}`, filter: 'Show', all: 'All', unfinished: 'Unfinished', onlyFailed: 'Failed', deletedRecording: 'a recording that is gone', open: 'Open',
  },
  settings: {
    title: 'Settings', account: 'Account', name: 'Name', role: 'Role', kept: 'Kept', keptValue: (/** @type {string} */ size, /** @type {string} */ time) => `${size}, ${time} of audio`, roles: /** @type {Record<string, string>} */ ({ viewer: 'viewer: listens', editor: 'editor: adds and changes', admin: 'admin: everything' }), local: 'At this machine no key is needed.',
    appearance: 'Appearance', theme: 'Theme', dark: 'Dark', light: 'Light', system: 'As the system', shortcuts: 'Keyboard shortcuts', shortcutsHint: 'Single keys act on the player. Switch them off if they get in the way of assistive software.', notifications: 'Notifications', notificationsHint: 'Tell me when a job is done while this page is in the background.', notificationsNo: 'This browser does not let pages notify here.',
    models: 'Models', modelsHint: 'Networks that take recordings apart. Their weights come only when someone has accepted their terms.', terms: 'Terms', accepted: (/** @type {string} */ who, /** @type {string} */ when) => `installed, terms accepted by ${who} on ${when}`, dropModel: (/** @type {string} */ m) => `Remove ${m}`,
    keys: 'API keys', keysHint: 'For other machines and programs. A key is shown once, when it is made.', keyName: 'Name of the key', keyRole: 'Role of the key', makeKey: 'Make a key', keyMade: 'This is your new key. Copy it now: it is not shown again.', revoke: (/** @type {string} */ n) => `Revoke ${n}`, revoked: 'revoked', lastUsed: (/** @type {string} */ t) => `last used ${t}`, neverUsed: 'never used', noKeys: 'No keys yet.', about: 'About', version: (/** @type {string} */ v) => `Sideman ${v}`, separator: 'Separation', generator: 'Generation', copy: 'Copy', copied: 'Copied',
  },
  roles: /** @type {Record<string, string>} */ ({ vocals: 'Vocals', drums: 'Drums', bass: 'Bass', guitar: 'Guitar', piano: 'Piano', pad: 'Pad', strings: 'Strings', lead: 'Lead', keys: 'Keys', acoustic: 'Acoustic guitar', brass: 'Brass', percussion: 'Percussion', other: 'Other', backing: 'Backing', kick: 'Kick', snare: 'Snare', toms: 'Toms', hats: 'Hats', cymbals: 'Cymbals', residual: 'Residual', mixture: 'Mixture' }),
  keyboard: {
    title: 'Keyboard', off: 'Shortcuts are switched off in the settings.',
    rows: [
      ['Space', 'Play, pause'], ['← →', 'Previous, next bar'], ['⇧← ⇧→', 'Previous, next beat'], ['[ ]', 'Previous, next section'], ['Home End', 'Start, end'], ['L', 'Loop this section, loop off'], ['⇧L', 'Loop this bar'], ['↑ ↓', 'Choose a lane'], ['M S', 'Mute, solo the chosen lane'], ['X', 'Everything but the chosen lane'], ['1 … 9', 'Mute lane 1 to 9'], ['⇧1 … ⇧9', 'Solo lane 1 to 9'], [', .', 'Slower, faster by 5 %'], ['; \'', 'Transpose down, up'], ['O', 'Original or stems'], ['C', 'Metronome'], ['I', 'Count-in'], ['+ − 0', 'Zoom in, out, whole song'], ['F', 'Follow the playhead'], ['G', 'Generate'], ['P', 'Take apart'], ['/', 'Search'], ['?', 'This list'], ['Esc', 'Close, loop off'],
    ],
  },
}
