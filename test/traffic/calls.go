// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"

	"github.com/apispan/apispan/examples/shop/shopapi"
	"github.com/apispan/apispan/examples/shop/shopdata"
)

// call is one request, decided completely before it is sent: what a worker does
// never draws from the random source, so a seed fixes the calls whatever the
// timing.
type call struct {
	route  string // what the summary calls it
	method string
	path   string // with query
	header http.Header
	body   string
	user   shopdata.User

	gaveUp bool // the client leaves before the answer ends
	send   sender
}

// kinds is the mix, by weight.
var kinds = []struct {
	weight int
	make   func(*rand.Rand, call) call
}{
	{14, browse},
	{8, openProduct},
	{10, search},
	{6, loginJSON},
	{4, loginForm},
	{4, failedLogin},
	{6, profile},
	{4, unauthorized},
	{14, order},
	{3, largeOrder},
	{3, declinedOrder},
	{2, bankDown},
	{3, invalidOrder},
	{3, expiredCard},
	{3, brokenJSON},
	{3, cutBody},
	{6, checkout},
	{6, readOrder},
	{4, missing},
	{4, upload},
	{3, follow},
	{1, leaveStream},
	{3, serverError},
	{2, export},
	{5, graphQL},
	{5, agent},
}

// next returns the n-th call.
func next(rng *rand.Rand, n int) call {
	users := shopdata.Users()
	c := call{
		user:   users[rng.IntN(len(users))],
		header: http.Header{},
		send:   sendPlain,
	}
	c.header.Set("User-Agent", "shop-traffic/1.0")
	c.header.Set("X-Request-ID", fmt.Sprintf("req-%06d", n))
	// The first calls make orders, so that later ones have something to refer to.
	if n < len(users) {
		c.user = users[n]
		return order(rng, c)
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	pick := rng.IntN(total)
	for _, k := range kinds {
		if pick -= k.weight; pick < 0 {
			return k.make(rng, c)
		}
	}
	panic("unreachable: the weights add up to total")
}

func (c call) to(method, route, path string) call {
	c.method, c.route, c.path = method, method+" "+route, path
	return c
}

func (c call) with(contentType, body string) call {
	c.header.Set("Content-Type", contentType)
	c.body = body
	return c
}

// signedIn presents the token, or the session cookie as a browser does.
func (c call) signedIn(rng *rand.Rand) call {
	if rng.IntN(4) == 0 {
		c.header.Set("Cookie", "theme=dark; session="+c.user.Session)
	} else {
		c.header.Set("Authorization", "Bearer "+c.user.Token)
	}
	return c
}

func browse(_ *rand.Rand, c call) call { return c.to("GET", "/products", "/products") }

func openProduct(rng *rand.Rand, c call) call {
	p := shopdata.Products()
	return c.to("GET", "/products/{sku}", "/products/"+p[rng.IntN(len(p))].SKU)
}

func search(rng *rand.Rand, c call) call {
	words := []string{"lamp", "chair", "Größe L", "go programming", "a&b=c", ""}
	q := url.Values{"q": {words[rng.IntN(len(words))]}, "page": {"1"}, "utm_source": {"newsletter"}}
	if rng.IntN(8) == 0 {
		q.Set("page", "last") // 400
	}
	return c.to("GET", "/search", "/search?"+q.Encode())
}

func loginJSON(_ *rand.Rand, c call) call {
	return c.to("POST", "/login", "/login").with("application/json",
		fmt.Sprintf(`{"email":%q,"password":%q}`, c.user.Email, shopdata.Password))
}

func failedLogin(_ *rand.Rand, c call) call {
	return c.to("POST", "/login", "/login").with("application/json; charset=utf-8",
		fmt.Sprintf(`{"email":%q,"password":%q}`, c.user.Email, shopdata.WrongPassword))
}

func loginForm(_ *rand.Rand, c call) call {
	f := url.Values{"email": {c.user.Email}, "password": {shopdata.Password}, "remember": {"on"}}
	return c.to("POST", "/login/form", "/login/form").with("application/x-www-form-urlencoded", f.Encode())
}

func profile(rng *rand.Rand, c call) call { return c.to("GET", "/me", "/me").signedIn(rng) }

func unauthorized(rng *rand.Rand, c call) call {
	if rng.IntN(2) == 0 {
		// A revoked token is a secret all the same.
		c.header.Set("Authorization", "Bearer "+c.user.Token+"-revoked")
	}
	return c.to("GET", "/me", "/me")
}

func checkout(rng *rand.Rand, c call) call {
	f := url.Values{
		"sku": {"LAMP-01"}, "name": {c.user.Name}, "email": {c.user.Email},
		"card_number": {cards[rng.IntN(len(cards))]}, "cvc": {shopdata.CVC}, "expiry": {"12/29"},
	}
	return c.to("POST", "/checkout", "/checkout").with("application/x-www-form-urlencoded", f.Encode())
}

func missing(rng *rand.Rand, c call) call {
	if rng.IntN(2) == 0 {
		return c.to("GET", "/products/{sku}", "/products/NO-SUCH-THING")
	}
	return c.to("GET", "/orders/{id}", "/orders/o-999999").signedIn(rng)
}

func serverError(_ *rand.Rand, c call) call {
	return c.to("GET", "/recommendations/{user}", "/recommendations/broken")
}

func export(_ *rand.Rand, c call) call {
	return c.to("GET", "/export/products.ndjson", "/export/products.ndjson?format=full&access_token="+shopdata.DownloadToken)
}

func graphQL(rng *rand.Rand, c call) call {
	c = c.to("POST", "/graphql", "/graphql")
	password := shopdata.Password
	switch rng.IntN(4) {
	case 0:
		return c.with("application/json", `{"operationName":"Product","query":"query Product($sku: ID!) { product(sku: $sku) { name price_cents } }","variables":{"sku":"LAMP-01"}}`)
	case 1:
		password = shopdata.WrongPassword // an error that is a 200
	}
	return c.with("application/json", fmt.Sprintf(
		`{"operationName":"SignIn","query":"mutation SignIn($email: String!, $password: String!) { signIn(email: $email, password: $password) { token name } }","variables":{"email":%q,"password":%q}}`,
		c.user.Email, password))
}

// agent calls a tool as an AI agent does.
func agent(rng *rand.Rand, c call) call {
	c = c.to("POST", "/mcp", "/mcp").signedIn(rng)
	switch rng.IntN(4) {
	case 0:
		return c.with("application/json", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	case 1:
		return c.with("application/json", `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"find_product","arguments":{"sku":"BOOK-42"}}}`)
	}
	return c.with("application/json", fmt.Sprintf(
		`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"notify_customer","arguments":{"email":%q,"api_key":%q,"text":"your card %s was charged"}}}`,
		c.user.Email, c.user.Token, shopdata.CardDashed))
}

var cards = []string{shopdata.Card, shopdata.CardSpaced, shopdata.CardDashed}

func order(rng *rand.Rand, c call) call {
	return c.order(rng, "", 1+rng.IntN(3), cards[rng.IntN(len(cards))], "12/29")
}

// largeOrder has a note that is longer than the capture limit and a card number
// behind it.
func largeOrder(rng *rand.Rand, c call) call {
	return c.order(rng, strings.Repeat("Please leave it with the neighbours. ", 200+rng.IntN(400)), 1, shopdata.CardSpaced, "12/29")
}

func declinedOrder(rng *rand.Rand, c call) call {
	return c.order(rng, "", 1, shopdata.CardDeclined, "12/29")
}

func bankDown(rng *rand.Rand, c call) call { return c.order(rng, "", 900, shopdata.Card, "12/29") }

func invalidOrder(rng *rand.Rand, c call) call { return c.order(rng, "", 0, shopdata.Card, "12/29") }

func expiredCard(rng *rand.Rand, c call) call {
	return c.order(rng, "", 1, cards[rng.IntN(len(cards))], "01/20")
}

func brokenJSON(rng *rand.Rand, c call) call {
	c = order(rng, c)
	c.body = strings.Replace(c.body, `,"shipping"`, `;"shipping"`, 1)
	return c
}

func cutBody(rng *rand.Rand, c call) call {
	c = order(rng, c)
	c.send = sendCut
	return c
}

func (c call) order(rng *rand.Rand, note string, quantity int, card, expiry string) call {
	skus := []string{"LAMP-01", "LAMP-02", "MUG-07", "BOOK-42"}
	in := shopapi.OrderRequest{
		Note: note,
		Items: []shopapi.Item{
			{SKU: skus[rng.IntN(len(skus))], Quantity: quantity, Options: map[string]string{"gift_wrap": "yes"}},
			{SKU: "SOLDER-1", Quantity: max(quantity/10, 1)},
		},
		Shipping: shopapi.Address{Name: c.user.Name, Street: "1 Example Street", City: "Berlin", Zip: "10115"},
		Payment: shopapi.Payment{
			Method: "card",
			Card:   shopapi.CardData{CardNumber: card, CVC: shopdata.CVC, Expiry: expiry},
		},
	}
	return c.to("POST", "/orders", "/orders").with("application/json", mustJSON(in)).signedIn(rng)
}

func readOrder(rng *rand.Rand, c call) call {
	c = c.to("GET", "/orders/{id}", "").signedIn(rng)
	c.send = sendForOrder("")
	return c
}

func follow(rng *rand.Rand, c call) call {
	c = c.to("GET", "/orders/{id}/events", "").signedIn(rng)
	c.header.Set("Accept", "text/event-stream")
	c.send = sendForOrder("/events")
	return c
}

func leaveStream(rng *rand.Rand, c call) call {
	c = follow(rng, c)
	c.gaveUp = true
	return c
}

func upload(rng *rand.Rand, c call) call {
	note := "The lamp arrived broken. I paid with " + shopdata.CardSpaced + ", please refund."
	contentType, body := multipartBody(rng, note, 200+rng.IntN(40_000))
	c = c.to("POST", "/orders/{id}/attachments", "").with(contentType, body).signedIn(rng)
	c.send = sendForOrder("/attachments")
	return c
}
