// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/backendtest"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/moesif/moesiftest"
)

func TestDelivery(t *testing.T) {
	t.Parallel()
	fake := moesiftest.Vendor.New(backendtest.Settings{Credential: appID})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	r := newRig(t, testConfig(srv.URL)).start()
	for i := range 5 {
		if err := r.exp.ConsumeTraces(context.Background(), traces(100*i, 100)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "all is delivered", func() bool { return fake.Stats().Accepted == 500 })
	r.shutdown()
	c := r.checkBooks()
	if c.Sent != 500 || c.Requests["delivered"] != 5 {
		t.Errorf("counts %+v", c)
	}
	if s := fake.Stats(); s.Violations != 0 || s.Duplicates != 0 {
		t.Errorf("stats %+v\n%v", s, fake.Violations())
	}
}
