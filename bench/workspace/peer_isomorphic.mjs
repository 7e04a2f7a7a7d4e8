// SPDX-License-Identifier: MIT
// isomorphic-git on memfs, measured from outside by peer_script.c. BENCH_NODE_MODULES names the folder that npm installed them into.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { performance } from 'node:perf_hooks'
import path from 'node:path'

const dir = '/'
const person = { name: 'Bench', email: 'bench@localhost', timestamp: 1700000000, timezoneOffset: 0 }
const cache = {}
let git, fs

function load() {
  const require = createRequire(path.join(process.env.BENCH_NODE_MODULES ?? process.cwd(), 'x.js'))
  git = require('isomorphic-git')
  fs = require('memfs').fs
}

async function put(file) {
  const parent = path.posix.dirname(file.path)
  if (parent !== '.') fs.mkdirSync('/' + parent, { recursive: true })
  fs.writeFileSync('/' + file.path, file.data)
  await git.add({ fs, dir, cache, filepath: file.path })
}

const commit = (message) => git.commit({ fs, dir, cache, message, author: person, committer: person })

async function timed(work) {
  const begin = performance.now()
  await work()
  return { us: (performance.now() - begin) * 1000 }
}

async function open(request) {
  try {
    load()
  } catch (error) {
    return { cannot: `isomorphic-git or memfs is not there: ${String(error.message).split('\n')[0]}` }
  }
  await git.init({ fs, dir, defaultBranch: 'main' })
  for (const file of request.files) await put(file)
  return timed(() => commit('begin'))
}

// A branch with one more commit, made without the working tree: a merge does not look at it.
async function side(ref, file) {
  await git.branch({ fs, dir, ref, object: 'main', checkout: false, force: true })
  const blob = await git.writeBlob({ fs, dir, blob: Buffer.from(file.data) })
  const parent = await git.resolveRef({ fs, dir, ref })
  const { commit: { tree } } = await git.readCommit({ fs, dir, cache, oid: parent })
  const replaced = await replace(tree, file.path.split('/'), blob)
  await git.commit({ fs, dir, cache, message: 'side', author: person, committer: person, ref: `refs/heads/${ref}`, parent: [parent], tree: replaced })
}

async function replace(tree, [name, ...rest], blob) {
  const { tree: entries } = await git.readTree({ fs, dir, cache, oid: tree })
  for (const entry of entries) {
    if (entry.path === name) entry.oid = rest.length ? await replace(entry.oid, rest, blob) : blob
  }
  return git.writeTree({ fs, dir, tree: entries })
}

const operations = {
  open,
  async commit(request) {
    await put(request)
    return timed(() => commit('commit'))
  },
  branch: (request) => timed(() => git.branch({ fs, dir, ref: request.name, object: 'main' })),
  async merge({ n, ours, theirs }) {
    await side(`ours-${n}`, ours)
    await side(`theirs-${n}`, theirs)
    return timed(() => git.merge({ fs, dir, cache, ours: `ours-${n}`, theirs: `theirs-${n}`, author: person, committer: person }))
  },
  async read(request) {
    const oid = await git.resolveRef({ fs, dir, ref: 'main' })
    return timed(() => git.readBlob({ fs, dir, cache, oid, filepath: request.path }))
  },
  async head() {
    const oid = await git.resolveRef({ fs, dir, ref: 'main' })
    return { tree: (await git.readCommit({ fs, dir, cache, oid })).commit.tree }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  console.log(JSON.stringify(await operations[request.op](request)))
}
