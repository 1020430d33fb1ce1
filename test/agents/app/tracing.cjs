// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// The agents as their documentation sets them up. Endpoint and service name come from the
// environment.
const { NodeSDK } = require('@opentelemetry/sdk-node')
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http')
const { ExpressInstrumentation } = require('@opentelemetry/instrumentation-express')
const { FastifyOtelInstrumentation } = require('@fastify/otel')

const fastify = new FastifyOtelInstrumentation()
const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation({
      headersToSpanAttributes: { server: { requestHeaders: ['content-type'], responseHeaders: ['content-type'] } }
    }),
    new ExpressInstrumentation(),
    fastify
  ]
})
sdk.start()

module.exports = { sdk, fastify }
