// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// call is an exchange as it was captured.
type call struct {
	out                                                   bool
	service, method, route, path, query, host, operation  string
	status                                                int
	ms                                                    float64
	request, response                                     side
	user, userName, email, company, consumer, label, addr string
	meta                                                  map[string]any
	weight                                                int
	blockedBy                                             string
}

type side struct {
	headers   [][2]string
	body      []byte
	binary    bool
	truncated bool
	size      int64
}

const typeJSON = "application/json"

func jsonSide(body string, headers ...[2]string) side {
	return side{headers: append([][2]string{{"content-type", typeJSON}}, headers...), body: []byte(body), size: int64(len(body))}
}

func empty(headers ...[2]string) side { return side{headers: headers} }

// people call; not all of them have a key.
var people = []struct{ user, name, email, company, consumer, label string }{
	{"u-1001", "Ada Lovelace", "ada@analytical.example", "analytical", "key-7f31", "Analytical Engines Ltd"},
	{"u-1002", "Grace Hopper", "grace@navy.example", "navy", "key-22b0", "Navy Research"},
	{"u-1003", "Alan Turing", "alan@bletchley.example", "bletchley", "key-9c4e", "Bletchley Park Trust"},
	{"u-1004", "Katherine Johnson", "katherine@langley.example", "langley", "key-5d5d", "Langley"},
	{"u-1005", "Edsger Dijkstra", "edsger@graphs.example", "graphs", "", ""},
	{"u-1006", "Barbara Liskov", "barbara@types.example", "types", "key-0a0b", "Substitution Inc."},
}

// maker invents calls.
type calls struct {
	rnd *rand.Rand
	n   int
	// late is true when a field appears that was not there before.
	late bool
}

func (c *calls) pick(list ...string) string { return list[c.rnd.IntN(len(list))] }

func (c *calls) next() *call {
	c.n++
	k := c.kind()
	k.weight = 1
	if k.host == "" {
		k.host = "shop.example.com"
	}
	if k.service == "" {
		k.service = "shop-api"
	}
	if !k.out && c.rnd.IntN(8) > 0 && k.route != "/health" {
		p := people[min(c.rnd.IntN(len(people)), c.rnd.IntN(len(people)))]
		k.user, k.userName, k.email, k.company, k.consumer, k.label = p.user, p.name, p.email, p.company, p.consumer, p.label
	}
	if !k.out {
		k.addr = fmt.Sprintf("203.0.113.%d", 1+c.rnd.IntN(40))
		k.request.headers = append(k.request.headers,
			[2]string{"authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1LTEwMDEifQ.c2lnbmF0dXJlLW5vdC1yZWFs"},
			[2]string{"cookie", "session=5f2c9a7be1d0; theme=dark"}, [2]string{"user-agent", c.pick("shop-ios/4.2", "Mozilla/5.0 (X11; Linux x86_64)", "curl/8.10.1")},
			[2]string{"x-tier", c.pick("gold", "silver", "free")}, [2]string{"accept", "*/*"})
		k.meta = map[string]any{"region": c.pick("eu-central-1", "us-east-1"), "build": int64(4711), "flags": []any{"new-cart", "fast-search"}}
	}
	return k
}

// kind invents one call of one of the endpoints.
func (c *calls) kind() *call {
	id := 100 + c.rnd.IntN(900)
	ms := 3 + c.rnd.ExpFloat64()*40
	switch c.rnd.IntN(20) {
	case 0, 1, 2, 3:
		return c.order(id, ms)
	case 4, 5, 6:
		status, body := 200, fmt.Sprintf(`{"id":%d,"name":"Ada Lovelace","email":"ada@analytical.example","phone":"+44 20 7946 0018","address":{"street":"12 St James Square","city":"London"},"roles":["admin","buyer"]}`, id)
		if c.rnd.IntN(5) == 0 {
			status, body = 404, `{"error":"no such user"}`
		}
		return &call{method: "GET", route: "/users/{id}", path: fmt.Sprintf("/users/%d", id), status: status, ms: ms, request: empty(), response: jsonSide(body)}
	case 7, 8:
		return c.login(ms)
	case 9, 10, 11:
		items := make([]string, 12)
		for i := range items {
			items[i] = fmt.Sprintf(`{"sku":"A%d","title":"Gear wheel %d","price":%d.50,"stock":%d}`, i, i, 3+i, c.rnd.IntN(40))
		}
		return &call{
			method: "GET", route: "/products", path: "/products", query: fmt.Sprintf("page=%d&sort=price&token=s3cr3t-%d", 1+c.rnd.IntN(9), id), status: 200, ms: ms,
			request: empty(), response: jsonSide(`{"items":[`+strings.Join(items, ",")+`],"next":"/products?page=2"}`, [2]string{"cache-control", "max-age=60"}),
		}
	case 12:
		return &call{method: "GET", route: "/health", path: "/health", status: 200, ms: 1, request: empty(), response: empty()}
	case 13:
		return c.avatar(id, ms)
	case 14:
		return &call{
			method: "POST", route: "/graphql", path: "/graphql", operation: "mutation AddToCart", status: 200, ms: ms,
			request:  jsonSide(`{"operationName":"AddToCart","query":"mutation AddToCart($sku: ID!) { add(sku: $sku) { total } }","variables":{"sku":"A1","coupon":"SPRING"}}`),
			response: jsonSide(`{"data":{"add":{"total":17.5}}}`),
		}
	case 15, 16:
		return c.charge(id, ms)
	case 17:
		return c.report(id, ms)
	case 18:
		return c.hostile(ms)
	}
	return &call{method: "DELETE", route: "", path: fmt.Sprintf("/v1/sessions/%08x-55aa-4a4a-9b9b-%012x", c.rnd.Uint32(), id), status: 204, ms: ms, request: empty(), response: empty(), service: "auth"}
}

func (c *calls) order(id int, ms float64) *call {
	extra := ""
	if c.late {
		extra = `,"risk":{"score":0.17,"ssn":"078-05-1120"}`
	}
	body := fmt.Sprintf(`{"order":{"items":[{"sku":"A1","qty":2},{"sku":"B7","qty":1}],"total":%d.90},"card":{"number":"4111 1111 1111 1111","cvc":"737","holder":"Ada Lovelace"},"email":"ada@analytical.example","note":"leave it with the neighbour"%s}`, 20+c.rnd.IntN(200), extra)
	out := &call{method: "POST", route: "/orders", path: "/orders", status: 201, ms: ms * 2, request: jsonSide(body), response: jsonSide(fmt.Sprintf(`{"id":"ord_%d","state":"paid","receipt":"https://shop.example.com/receipts/%d?sig=3q2-7wEv"}`, id, id), [2]string{"location", fmt.Sprintf("/orders/ord_%d", id)})}
	switch c.rnd.IntN(9) {
	case 0:
		out.status, out.response = 402, jsonSide(`{"error":"card declined","code":"insufficient_funds"}`)
	case 1:
		out.status, out.response, out.ms = 503, jsonSide(`{"error":"out of stock service: deadline exceeded"}`), 2000+ms
	case 2:
		out.status, out.response, out.blockedBy = 429, jsonSide(`{"error":"too many requests"}`), "rate-limit:free-tier"
	}
	return out
}

func (c *calls) login(ms float64) *call {
	out := &call{
		method: "POST", route: "/login", path: "/login", status: 200, ms: ms, service: "auth",
		request:  side{headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}}, body: []byte("user=ada%40analytical.example&password=correct+horse&remember=1"), size: 63},
		response: jsonSide(`{"access_token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW5vdC1yZWFs","expires_in":3600}`, [2]string{"set-cookie", "session=5f2c9a7be1d0; Path=/; HttpOnly"}),
	}
	if c.rnd.IntN(3) == 0 {
		out.status, out.response = 401, jsonSide(`{"error":"wrong password"}`)
	}
	return out
}

// charge is a call to another service.
func (c *calls) charge(id int, ms float64) *call {
	out := &call{
		out: true, method: "POST", route: "/v1/charges", path: "/v1/charges", host: "api.payments.example", status: 200, ms: 80 + ms,
		request: side{
			headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}, {"authorization", "Bearer sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"}, {"idempotency-key", fmt.Sprintf("ord-%d", id)}},
			body:    []byte(fmt.Sprintf("amount=%d&currency=eur&source=tok_visa&metadata[order]=%d", 100*id, id)),
		},
		response: jsonSide(`{"id":"ch_1","object":"charge","paid":true,"source":{"brand":"visa","last4":"1111"}}`),
	}
	if c.rnd.IntN(6) == 0 {
		out.status, out.response, out.ms = 0, empty(), 10_000
	}
	return out
}

// avatar has a binary body.
func (c *calls) avatar(id int, ms float64) *call {
	png := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x40\x00\x00\x00\x40\x08\x06\x00\x00\x00"), make([]byte, 1500)...)
	for i := 30; i < len(png); i++ {
		png[i] = byte(c.rnd.Uint32())
	}
	return &call{
		method: "PUT", route: "/users/{id}/avatar", path: fmt.Sprintf("/users/%d/avatar", id), status: 204, ms: ms * 3,
		request: side{headers: [][2]string{{"content-type", "image/png"}}, body: png, binary: true, size: 48_211, truncated: true}, response: empty(),
	}
}

// report has a large body.
func (c *calls) report(id int, ms float64) *call {
	var b bytes.Buffer
	b.WriteString("order;customer;email;total\n")
	for i := 0; b.Len() < 60<<10; i++ {
		fmt.Fprintf(&b, "ord_%d;Customer %d;customer%d@mail.example;%d.%02d\n", i, i, i, c.rnd.IntN(900), c.rnd.IntN(100))
	}
	return &call{
		method: "GET", route: "/reports/{id}", path: fmt.Sprintf("/reports/2026-%d.csv", id), status: 200, ms: 400 + ms*5, request: empty(),
		response: side{headers: [][2]string{{"content-type", "text/csv; charset=utf-8"}}, body: b.Bytes(), size: 412_388, truncated: true},
	}
}

// hostile has texts that a page must show and must not obey.
func (c *calls) hostile(ms float64) *call {
	text := c.pick(
		`<script>document.title='owned'</script>`, `<img src=x onerror="document.title='owned'">`, `</script><svg onload=document.title='owned'>`,
		"\u202egnp.exe\u202c invoice", "line\u2028separator and \u200bzero width", `javascript:alert(1)`, "\x1b[31mred\x1b[0m and a bell \x07",
		strings.Repeat("0123456789abcdef", 4096), `${7*7} {{7*7}} <%= 7*7 %>`, "NUL \x00 inside", `"><a href="javascript:void(0)">click</a>`,
	)
	escaped := fmt.Sprintf("%q", text)
	escaped = strings.NewReplacer(`\x1b`, `\u001b`, `\x00`, `\u0000`, `\a`, `\u0007`).Replace(escaped)
	return &call{
		method: "POST", route: "/comments", path: "/comments", query: "ref=%3Cb%3Ehi%3C%2Fb%3E", status: 200, ms: ms,
		request:  jsonSide(`{"text":`+escaped+`,"<b>key</b>":1,"__proto__":{"polluted":true},"constructor":"x"}`, [2]string{"x-note", `<i>header</i>`}),
		response: side{headers: [][2]string{{"content-type", "text/html"}}, body: []byte("<!doctype html><p onclick=\"alert(1)\">" + text + "</p>"), size: 60},
	}
}
