// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// One API in three frameworks: node app.cjs express|fastify|hono. It prints its port as
// JSON, and ends when it is told to, once its spans are exported.
const { sdk, fastify: fastifyOtel } = require('./tracing.cjs')
const { trace } = require('@opentelemetry/api')

// Identity as it is usually set in JavaScript: on whatever span is active.
const identify = () => trace.getActiveSpan()?.setAttribute('enduser.id', 'ada')

const frameworks = {
  async express () {
    const express = require('express')
    const app = express()
    app.use(express.json())
    app.get('/users/:id', (req, res) => { identify(); res.json({ id: req.params.id }) })
    app.post('/orders', (req, res) => { identify(); res.status(201).json({ ok: true }) })
    app.get('/fail', () => { throw new Error('on purpose') })
    app.use((err, req, res, next) => { res.status(500).json({ error: 'failed' }) })
    const server = app.listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    return { port: server.address().port, close: () => server.close() }
  },
  async fastify () {
    const app = require('fastify')()
    await app.register(fastifyOtel.plugin())
    app.get('/users/:id', async (req) => { identify(); return { id: req.params.id } })
    app.post('/orders', async (req, reply) => { identify(); reply.code(201); return { ok: true } })
    app.get('/fail', async () => { throw new Error('on purpose') })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { port: app.server.address().port, close: () => app.close() }
  },
  async hono () {
    const { Hono } = require('hono')
    const { serve } = require('@hono/node-server')
    const { httpInstrumentationMiddleware } = require('@hono/otel')
    const app = new Hono()
    app.use(httpInstrumentationMiddleware())
    app.get('/users/:id', c => { identify(); return c.json({ id: c.req.param('id') }) })
    app.post('/orders', c => { identify(); return c.json({ ok: true }, 201) })
    app.get('/fail', () => { throw new Error('on purpose') })
    app.onError((err, c) => c.json({ error: err.message }, 500))
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    await new Promise(resolve => server.once('listening', resolve))
    return { port: server.address().port, close: () => server.close() }
  }
}

async function main () {
  const { port, close } = await frameworks[process.argv[2]]()
  console.log(JSON.stringify({ port }))
  process.once('SIGTERM', async () => {
    close()
    await sdk.shutdown()
    process.exit(0)
  })
}

main().catch(err => { console.error(err); process.exit(1) })
