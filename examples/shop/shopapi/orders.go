// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shopapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/apispan/apispan/examples/shop/shopdata"
	"github.com/apispan/apispan/instrumentation/httpcapture"
)

// OrderRequest is the body of POST /orders.
type OrderRequest struct {
	Items    []Item  `json:"items"`
	Shipping Address `json:"shipping"`
	Payment  Payment `json:"payment"`
	Note     string  `json:"note,omitempty"`
}

// Item is one line of an order.
type Item struct {
	SKU      string            `json:"sku"`
	Quantity int               `json:"quantity"`
	Options  map[string]string `json:"options,omitempty"`
}

// Address is where an order goes.
type Address struct {
	Name   string `json:"name"`
	Street string `json:"street"`
	City   string `json:"city"`
	Zip    string `json:"zip"`
}

// Payment is how an order is paid.
type Payment struct {
	Method string   `json:"method"`
	Card   CardData `json:"card"`
}

// CardData is what a customer types from a card.
type CardData struct {
	CardNumber string `json:"card_number"`
	CVC        string `json:"cvc"`
	Expiry     string `json:"expiry"` // MM/YY
}

type order struct {
	ID         string    `json:"id"`
	Owner      string    `json:"-"`
	Status     string    `json:"status"`
	Items      []Item    `json:"items"`
	Shipping   Address   `json:"shipping"`
	TotalCents int64     `json:"total_cents"`
	Currency   string    `json:"currency"`
	Charge     string    `json:"charge_id"`
	Created    time.Time `json:"created"`
}

func (s *Shop) createOrder(w http.ResponseWriter, r *http.Request) {
	var in OrderRequest
	if !decode(w, r, &in) {
		return
	}
	total, errs := s.check(in)
	if len(errs) > 0 {
		fail(w, http.StatusUnprocessableEntity, "the order cannot be accepted", errs...)
		return
	}
	charge, status := s.charge(r.Context(), total, in.Payment.Card)
	if status != http.StatusOK {
		fail(w, status, "the payment did not succeed")
		return
	}
	o := s.store(userOf(r.Context()), in, total, charge)

	// Figures about the business, not about the call: they become metadata of
	// the event.
	httpcapture.SetMetadata(r.Context(), "order_total_cents", total)
	httpcapture.SetMetadata(r.Context(), "order_items", len(in.Items))
	httpcapture.SetMetadata(r.Context(), "order_currency", o.Currency)

	w.Header().Set("Location", "/orders/"+o.ID)
	reply(w, http.StatusCreated, o)
}

// check returns the total in cents and everything that is wrong with the order.
func (s *Shop) check(in OrderRequest) (total int64, errs []fieldError) {
	if len(in.Items) == 0 {
		errs = append(errs, fieldError{"items", "must not be empty"})
	}
	for i, it := range in.Items {
		p, ok := s.product(it.SKU)
		switch {
		case !ok:
			errs = append(errs, fieldError{fmt.Sprintf("items[%d].sku", i), "is not on sale"})
		case it.Quantity < 1 || it.Quantity > 1000:
			errs = append(errs, fieldError{fmt.Sprintf("items[%d].quantity", i), "must be between 1 and 1000"})
		case p.InStock == 0:
			errs = append(errs, fieldError{fmt.Sprintf("items[%d].sku", i), "is sold out"})
		}
		total += p.PriceCents * int64(it.Quantity)
	}
	if in.Payment.Card.Expiry == "01/20" {
		// A service that echoes what it was sent, under a name that says
		// nothing: key rules cannot see this, only a value detector can.
		errs = append(errs, fieldError{"payment.card", "card " + in.Payment.Card.CardNumber + " has expired"})
	}
	return total, errs
}

func (s *Shop) store(u shopdata.User, in OrderRequest, total int64, charge string) order {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nextID++
	o := &order{
		ID: fmt.Sprintf("o-%d", s.nextID), Owner: u.ID, Status: "paid",
		Items: in.Items, Shipping: in.Shipping, TotalCents: total, Currency: "EUR",
		Charge: charge, Created: time.Now().UTC().Truncate(time.Second),
	}
	s.orders[o.ID] = o
	s.oldest = append(s.oldest, o.ID)
	if len(s.oldest) > maxOrders {
		delete(s.orders, s.oldest[0])
		s.oldest = s.oldest[1:]
	}
	return *o
}

// find answers the request itself if the caller may not see the order.
func (s *Shop) find(w http.ResponseWriter, r *http.Request) (order, bool) {
	s.mu.Lock()
	o, ok := s.orders[r.PathValue("id")]
	var found order
	if ok {
		found = *o
	}
	s.mu.Unlock()
	switch {
	case !ok:
		fail(w, http.StatusNotFound, "no such order")
	case found.Owner != userOf(r.Context()).ID:
		fail(w, http.StatusForbidden, "this is somebody else's order")
	default:
		return found, true
	}
	return order{}, false
}

func (s *Shop) getOrder(w http.ResponseWriter, r *http.Request) {
	if o, ok := s.find(w, r); ok {
		reply(w, http.StatusOK, o)
	}
}
