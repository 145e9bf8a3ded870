// Clients of the JavaScript driver, for test/drivers. The first line of standard input
// is a list of what each of them does (client.Spec); they work until standard input is
// closed, and finish what they are at. Standard output is a line of JSON an operation
// (client.report).
//
// It judges nothing, and tries nothing again: what is tried again, the driver tries.
import readline from 'node:readline'
import { performance } from 'node:perf_hooks'
import neo4j from 'neo4j-driver'

const writeQuery = 'CREATE (:W {id: $id})'
const readQuery = 'MATCH (n:W) RETURN n.id LIMIT 1'

let stopped = false
const stopping = new Set() // wakes clients that wait for their next operation

const now = () => performance.timeOrigin + performance.now()

// until resolves at a moment, or when all are told to stop.
function until (moment) {
  return new Promise(resolve => {
    const wake = () => {
      clearTimeout(timer)
      stopping.delete(wake)
      resolve()
    }
    const timer = setTimeout(wake, Math.max(0, moment - now()))
    stopping.add(wake)
    if (stopped) wake()
  })
}

// consume takes a result to its end, and notes who has given it.
async function consume (op, result) {
  op.door = (await result.summary()).server.address
}

// inside does the work inside a transaction; COMMIT follows if it does not throw.
async function inside (op, tx) {
  op.tries++
  await consume(op, tx.run(...statement(op)))
  op.sent++
}

function statement (op) {
  return op.id === 0 ? [readQuery] : [writeQuery, { id: neo4j.int(op.id) }]
}

const modes = {
  async auto (op, session) {
    op.tries = op.sent = 1
    await consume(op, session.run(...statement(op)))
  },
  async managed (op, session) {
    const work = tx => inside(op, tx)
    await (op.id === 0 ? session.executeRead(work) : session.executeWrite(work))
  },
  async explicit (op, session) {
    const tx = await session.beginTransaction()
    try {
      await inside(op, tx)
      await tx.commit()
    } finally {
      await tx.close().catch(() => {}) // a rollback, if it is open still
    }
  }
}

// operate does one operation and tells what became of it.
async function operate (spec, driver, id) {
  const op = { client: spec.number, id, begin: now(), end: 0, tries: 0, sent: 0, door: '' }
  const session = driver.session({ defaultAccessMode: id === 0 ? neo4j.session.READ : neo4j.session.WRITE })
  try {
    await modes[spec.mode](op, session)
  } catch (error) {
    op.failure = { code: error.code ?? error.name, text: error.message, retriable: error.retriable === true }
  }
  op.end = now()
  await session.close().catch(() => {}) // the operation's own error says it all
  process.stdout.write(JSON.stringify(op) + '\n')
}

async function work (spec) {
  const driver = neo4j.driver(spec.url)
  let id = spec.first_id
  for (let next = now() + spec.rhythm_ms; ; next = Math.max(next + spec.rhythm_ms, now())) {
    await until(next)
    if (stopped) break
    await operate(spec, driver, id)
    if (id !== 0) id++
  }
  await driver.close()
}

const orders = readline.createInterface({ input: process.stdin })
let clients
orders.on('line', line => { clients = Promise.all(JSON.parse(line).map(work)) })
orders.on('close', async () => {
  stopped = true
  for (const wake of stopping) wake()
  await clients
})
