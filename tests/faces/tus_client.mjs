// The official tus client, driven by one JSON object on the command line; prints one JSON object about what happened.
//   node tus_client.mjs PACKAGE '{"action": "upload" | "abort" | "resume" | "terminate", "endpoint": URL, "file": PATH, "storage": PATH, ...}'
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'

const tus = createRequire(import.meta.url)(process.argv[2])
const wanted = JSON.parse(process.argv[3])
const requests = []
let recording = null

function report(upload, error = null) {
  const status = error?.originalResponse?.getStatus() ?? null
  const body = error?.originalResponse?.getBody() ?? null
  console.log(JSON.stringify({ url: upload?.url ?? null, recording, requests, error: error && String(error), status, body }))
  process.exit(0)
}

const upload = new tus.Upload(createReadStream(wanted.file), {
  endpoint: wanted.endpoint,
  chunkSize: wanted.chunkSize,
  metadata: { filename: wanted.name ?? basename(wanted.file), filetype: 'audio/flac' },
  overridePatchMethod: Boolean(wanted.override),
  retryDelays: wanted.retryDelays ?? null,
  urlStorage: wanted.storage ? new tus.FileUrlStorage(wanted.storage) : undefined,
  storeFingerprintForResuming: Boolean(wanted.storage),
  removeFingerprintOnSuccess: true,
  onAfterResponse(request, response) {
    recording = response.getHeader('Sideman-Recording') ?? recording
    const sent = request.getHeader('Upload-Offset')
    const offset = response.getHeader('Upload-Offset')
    requests.push([request.getMethod(), response.getStatus(), sent == null ? null : Number(sent), offset == null ? null : Number(offset)])
  },
  async onChunkComplete(size, accepted) {
    if (wanted.action === 'abort' && accepted >= wanted.abortAt) {
      await upload.abort()
      report(upload)
    }
    if (wanted.action === 'terminate') {
      await upload.abort(true)
      report(upload)
    }
  },
  onError: (error) => report(upload, error),
  onSuccess: () => report(upload),
})

if (wanted.action === 'resume') {
  const [previous] = await upload.findPreviousUploads()
  if (!previous) report(upload, new Error('the client remembers no upload'))
  upload.resumeFromPreviousUpload(previous)
}
upload.start()
