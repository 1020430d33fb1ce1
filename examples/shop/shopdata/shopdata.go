// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

// Package shopdata is the demo data of the example shop: customers, products and
// every secret that the shop and its traffic use. All of it is invented; the card
// number is the industry's public test number.
//
// The secrets stand here, in one place, so that a test can look for each of them
// in whatever left the process and fail if it finds one (see Secrets).
package shopdata

import "slices"

// Secrets that travel through the shop.
const (
	// Password is every customer's password.
	Password = "correct-horse-battery-staple"
	// WrongPassword is what a customer types by mistake. It is as secret as the
	// right one: people type the password of another account.
	WrongPassword = "incorrect-mule-generator-paperclip"

	// Card is a valid (Luhn) test number as an API client sends it; the others
	// are the same number as people write it.
	Card       = "4111111111111111"
	CardSpaced = "4111 1111 1111 1111"
	CardDashed = "4111-1111-1111-1111"
	// CardDeclined is a number that the payment stub declines.
	CardDeclined = "4000000000000002"
	// CVC is too short to look for in arbitrary output; Secrets leaves it out.
	CVC = "737"

	// PaymentKey is what the shop presents to the payment service.
	PaymentKey = "shopdemo-payment-key-6b1f0c93d7a24e58"
	// DownloadToken is a secret in a query string (?access_token=…).
	DownloadToken = "shopdemo-download-3c9a71e5f2084b6d"
)

// User is one customer and the company that pays for the account.
type User struct {
	ID, Name, Email string
	CompanyID       string
	SubscriptionID  string
	// KeyID is the public name of the customer's API key; Token is the key.
	KeyID, Token string
	// Session is the value of the session cookie after a login.
	Session string
}

// Users returns the customers.
func Users() []User {
	return []User{
		{
			ID: "u-ada", Name: "Ada Lovelace", Email: "ada@example.com",
			CompanyID: "co-analytical", SubscriptionID: "sub-pro-1", KeyID: "key-ada",
			Token: "shopdemo-token-ada-9f2c7b51e6a84d03", Session: "shopdemo-session-ada-51b7c0d2",
		},
		{
			ID: "u-grace", Name: "Grace Hopper", Email: "grace@example.com",
			CompanyID: "co-cobol", SubscriptionID: "sub-team-7", KeyID: "key-grace",
			Token: "shopdemo-token-grace-04d8e35fb1c96a72", Session: "shopdemo-session-grace-8e21fa94",
		},
		{
			ID: "u-alan", Name: "Alan Turing", Email: "alan@example.org",
			CompanyID: "co-bombe", SubscriptionID: "sub-free-3", KeyID: "key-alan",
			Token: "shopdemo-token-alan-7ac1560e92fd4b38", Session: "shopdemo-session-alan-d06c3b7f",
		},
	}
}

// Product is one thing on sale. Prices are in cents.
type Product struct {
	SKU        string `json:"sku"`
	Name       string `json:"name"`
	PriceCents int64  `json:"price_cents"`
	InStock    int    `json:"in_stock"`
}

// Products returns the catalogue.
func Products() []Product {
	return []Product{
		{"LAMP-01", "Desk lamp", 3490, 120},
		{"LAMP-02", "Floor lamp, smoked glass", 12900, 14},
		{"MUG-07", "Mug “Größe L” ☕", 1250, 400},
		{"CHAIR-3", "Folding chair", 5400, 0},
		{"BOOK-42", "The Go Programming Language", 4199, 33},
		{"SOLDER-1", "Soldering station", 18900, 5},
	}
}

// Secrets returns every string that must appear nowhere outside the shop: not in
// an event, not in a log, not in a metric. Besides the secrets as they are it
// holds their encoded forms and the beginnings that a body cut in the middle of a
// value would leave behind.
func Secrets() []string {
	s := []string{
		Password, WrongPassword, PaymentKey, DownloadToken,
		Card, CardSpaced, CardDashed, CardDeclined,
		// As a form encodes blanks.
		"4111+1111+1111+1111", "4111%201111%201111%201111",
		// What a cut leaves.
		Password[:len("correct-horse-b")], "411111111111", "4111 1111 1111", "4111-1111-1111", "4111+1111+1111",
		PaymentKey[:len("shopdemo-payment-key-6b1f")], DownloadToken[:len("shopdemo-download-3c9a")],
	}
	for _, u := range Users() {
		s = append(s, u.Token, u.Session)
	}
	slices.Sort(s)
	return slices.Compact(s)
}
