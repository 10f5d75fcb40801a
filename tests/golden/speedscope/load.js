// SPDX-License-Identifier: Apache-2.0
// Loads files with speedscope's own importer (the released bundle, in jsdom) and prints, per profile, its name,
// its total weight and its frames. node load.js FOLDER-OF-NODE-MODULES FILE...
'use strict'
const fs = require('fs')
const path = require('path')

const modules = process.argv[2]
const { JSDOM } = require(path.join(modules, 'jsdom'))
const release = path.join(modules, 'speedscope', 'dist', 'release')
const bundle = fs.readdirSync(release).find(name => /^speedscope-.*\.js$/.test(name))

// A canvas that swallows everything: nothing is drawn, the importer does not care.
function canvasContext() {
  return new Proxy(function () {}, {
    get: (target, name) => (name === 'measureText' ? () => ({ width: 1 })
      : name === Symbol.toPrimitive ? () => 0 : canvasContext()),
    set: () => true,
    apply: () => canvasContext(),
  })
}

function page() {
  const errors = []
  const dom = new JSDOM('<!doctype html><body></body>', {
    url: 'http://localhost/#localProfilePath=inline&view=sandwich',
    runScripts: 'outside-only',
    pretendToBeVisual: true,
  })
  const { window } = dom
  window.HTMLCanvasElement.prototype.getContext = () => canvasContext()
  window.Element.prototype.scrollIntoView = () => {}
  // The table shows the rows that fit: without a size there would be none. What is drawn has no size.
  window.Element.prototype.getBoundingClientRect = function () {
    const size = this.tagName === 'CANVAS' || this.querySelector('canvas') ? 0 : 1000
    return { x: 0, y: 0, left: 0, top: 0, right: size, bottom: size, width: size, height: size }
  }
  window.TextEncoder = TextEncoder
  window.TextDecoder = TextDecoder
  window.matchMedia = () => ({ matches: false, addListener() {}, removeListener() {},
    addEventListener() {}, removeEventListener() {} })
  // Drawing fails for want of WebGL; what counts is whether the importer took the file.
  const listen = (...words) => {
    const line = words.map(String).join(' ')
    if (/Failed to load|Unrecognized|Error: (?!.*WebGL)/.test(line) && !/WebGL/.test(line)) errors.push(line)
  }
  window.console.time = window.console.timeEnd = () => {}
  window.console.log = window.console.error = window.console.warn = window.alert = listen
  window.eval(fs.readFileSync(path.join(release, bundle), 'utf8'))
  return { dom, window, errors }
}

async function until(what, condition) {
  for (let i = 0; i < 600; i++) {
    const value = condition()
    if (value) return value
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error('never happened: ' + what)
}

// The text of the page once the profile is shown: the names of the frames come from its table.
async function load(file) {
  const { dom, window, errors } = page()
  const api = await until('the interface of speedscope',
    () => window.speedscope && window.speedscope.loadFileFromBase64 && window.speedscope)
  api.loadFileFromBase64(path.basename(file), fs.readFileSync(file).toString('base64'))
  await until('the profile in ' + file, () => {
    const text = window.document.body.textContent
    return errors.length > 0 || /Sandwich/.test(text)
  })
  // The sandwich view, chosen in the address, is a table of all frames.
  await until('the table of frames', () => /Symbol Name.+/.test(window.document.body.textContent) || errors.length > 0)
  const text = window.document.body.textContent
  dom.window.close()
  if (errors.length > 0) throw new Error(file + ': ' + errors.join('; '))
  return text
}

async function main() {
  for (const file of process.argv.slice(3)) {
    console.log(JSON.stringify({ file: path.basename(file), text: await load(file) }))
  }
  process.exit(0)
}

process.on('unhandledRejection', error => {
  console.error(String(error && error.stack || error))
  process.exit(1)
})
main().catch(error => {
  console.error(String(error && error.stack || error))
  process.exit(1)
})
