// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shopapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/apispan/apispan/examples/shop/shopdata"
)

type chargeRequest struct {
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
	CardNumber  string `json:"card_number"`
	CVC         string `json:"cvc"`
}

// charge calls the payment service and returns the charge id, or the status that
// the shop should answer with.
func (s *Shop) charge(ctx context.Context, cents int64, card CardData) (id string, status int) {
	body, err := json.Marshal(chargeRequest{cents, "EUR", card.CardNumber, card.CVC})
	if err != nil {
		return "", http.StatusInternalServerError
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.PaymentURL+"/charges", bytes.NewReader(body))
	if err != nil {
		return "", http.StatusInternalServerError
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+shopdata.PaymentKey)
	res, err := s.cfg.Client.Do(req)
	if err != nil {
		return "", http.StatusBadGateway
	}
	defer res.Body.Close()
	var out struct {
		ID string `json:"id"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, maxJSONBytes)).Decode(&out)
	switch {
	case res.StatusCode == http.StatusPaymentRequired:
		return "", http.StatusPaymentRequired
	case res.StatusCode != http.StatusOK || err != nil:
		return "", http.StatusBadGateway
	}
	return out.ID, http.StatusOK
}

// PaymentStub returns a stand-in for the payment service: it declines
// shopdata.CardDeclined, is out of order for amounts above 1 000 000 cents, and
// takes everything else.
func PaymentStub() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charges", func(w http.ResponseWriter, r *http.Request) {
		var in chargeRequest
		if !decode(w, r, &in) {
			return
		}
		digits := strings.NewReplacer(" ", "", "-", "").Replace(in.CardNumber)
		switch {
		case r.Header.Get("Authorization") != "Bearer "+shopdata.PaymentKey:
			fail(w, http.StatusUnauthorized, "unknown key")
		case in.AmountCents > 1_000_000:
			fail(w, http.StatusServiceUnavailable, "the acquirer does not answer")
		case digits == shopdata.CardDeclined:
			fail(w, http.StatusPaymentRequired, "the card was declined")
		default:
			reply(w, http.StatusOK, map[string]any{
				"id": fmt.Sprintf("ch-%d", in.AmountCents), "status": "succeeded",
				"card": map[string]string{"last4": digits[max(0, len(digits)-4):]},
			})
		}
	})
	return mux
}
