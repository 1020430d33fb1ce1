// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shopapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
)

var receipt = template.Must(template.New("receipt").Parse(`<!doctype html>
<title>Receipt</title>
<h1>Thank you, {{.Name}}</h1>
<p>We charged {{.Cents}} cents to the card ending in {{.Last4}}.</p>
`))

// checkout is the form of the web shop: one product, one card.
func (s *Shop) checkout(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		fail(w, http.StatusBadRequest, "the form cannot be read")
		return
	}
	f := r.PostForm
	p, ok := s.product(f.Get("sku"))
	if !ok {
		fail(w, http.StatusUnprocessableEntity, "no such product", fieldError{"sku", "is not on sale"})
		return
	}
	card := CardData{CardNumber: f.Get("card_number"), CVC: f.Get("cvc"), Expiry: f.Get("expiry")}
	if _, status := s.charge(r.Context(), p.PriceCents, card); status != http.StatusOK {
		fail(w, status, "the payment did not succeed")
		return
	}
	digits := strings.NewReplacer(" ", "", "-", "").Replace(card.CardNumber)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = receipt.Execute(w, map[string]any{
		"Name": f.Get("name"), "Cents": p.PriceCents, "Last4": digits[max(0, len(digits)-4):],
	})
}

// attach takes a photo of a damaged parcel with a note.
func (s *Shop) attach(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.find(w, r); !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUploadBytes)
	parts, err := r.MultipartReader()
	if err != nil {
		fail(w, http.StatusUnsupportedMediaType, "multipart/form-data is required")
		return
	}
	type file struct {
		Name   string `json:"name"`
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
	}
	files := []file{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		var n int64
		sum := sha256.New()
		if err == nil {
			n, err = io.Copy(sum, part)
		}
		if err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("at most %d bytes", tooLarge.Limit))
				return
			}
			fail(w, http.StatusBadRequest, "the upload ended early")
			return
		}
		if part.FileName() != "" {
			files = append(files, file{part.FileName(), n, hex.EncodeToString(sum.Sum(nil))})
		}
	}
	reply(w, http.StatusCreated, map[string]any{"files": files})
}
