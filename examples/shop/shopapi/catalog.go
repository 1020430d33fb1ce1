// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shopapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/apispan/apispan/examples/shop/shopdata"
)

func (s *Shop) listProducts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=60")
	reply(w, http.StatusOK, map[string]any{"products": s.products})
}

func (s *Shop) getProduct(w http.ResponseWriter, r *http.Request) {
	p, ok := s.product(r.PathValue("sku"))
	if !ok {
		fail(w, http.StatusNotFound, "no such product")
		return
	}
	reply(w, http.StatusOK, p)
}

func (s *Shop) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page, err := strconv.Atoi(q.Get("page"))
	if q.Has("page") && (err != nil || page < 1) {
		fail(w, http.StatusBadRequest, "page must be a positive number")
		return
	}
	found := []shopdata.Product{}
	for _, p := range s.products {
		if strings.Contains(strings.ToLower(p.Name), strings.ToLower(q.Get("q"))) {
			found = append(found, p)
		}
	}
	reply(w, http.StatusOK, map[string]any{"query": q.Get("q"), "results": found})
}

// recommend fails for a customer whose profile is "broken": every service has
// such a corner.
func (s *Shop) recommend(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("user") == "broken" {
		fail(w, http.StatusInternalServerError, "the recommendation model is not loaded")
		return
	}
	reply(w, http.StatusOK, map[string]any{"for": r.PathValue("user"), "results": s.products[:2]})
}

// export streams some 60 KB of newline-delimited JSON: more than the capture
// limit, so that the captured body is a prefix. It is a link that is opened in a
// browser, hence the token in the query.
func (s *Shop) export(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("access_token") != shopdata.DownloadToken {
		fail(w, http.StatusForbidden, "the link is not valid")
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	rc := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	for i := range 600 {
		p := s.products[i%len(s.products)]
		p.SKU = fmt.Sprintf("%s/%04d", p.SKU, i)
		if enc.Encode(p) != nil {
			return
		}
		if i%100 == 99 {
			_ = rc.Flush()
		}
	}
}
