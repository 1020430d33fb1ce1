// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cloudevents

import (
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/cloudevents/cloudeventstest"
)

func TestConformance(t *testing.T) {
	for _, subject := range []Subject{SubjectConsumer, SubjectCompany, SubjectUser, SubjectSubscription} {
		t.Run(string(subject), func(t *testing.T) {
			backendtest.Run(t, cloudeventstest.Vendor, func(t testing.TB) backend.Encoder {
				return newEncoder(t, &Config{Subject: subject, Metadata: []string{"*"}})
			})
		})
	}
	t.Run("strict", func(t *testing.T) {
		backendtest.Run(t, cloudeventstest.Vendor, func(t testing.TB) backend.Encoder {
			return newEncoder(t, &Config{RequireSubject: true})
		})
	})
}

// FuzzAppend holds the output to the rules of CloudEvents, whatever the exchange.
func FuzzAppend(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, &Config{Metadata: []string{"*"}}), cloudeventstest.Check)
}

// FuzzOpenMeter: with the defaults, every event has what OpenMeter demands.
func FuzzOpenMeter(f *testing.F) {
	backendtest.FuzzAppend(f, newEncoder(f, &Config{RequireSubject: true, RequireWeightOne: true, Subject: SubjectUser}), cloudeventstest.OpenMeter)
}
