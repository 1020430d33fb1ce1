// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package agents tests what real OpenTelemetry agents of npm emit: Express, Fastify and Hono
// with @opentelemetry/sdk-node, over OTLP, through the real collector. "make agents" runs it;
// it installs the agents by app/package-lock.json, which takes a minute or several.
package agents
