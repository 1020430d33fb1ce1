// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package shopapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/apispan/apispan/examples/shop/shopdata"
)

const (
	maxJSONBytes   = 1 << 20
	maxUploadBytes = 2 << 20
	maxOrders      = 1000
)

// Config says what the shop depends on.
type Config struct {
	// PaymentURL is the base URL of the payment service. Required.
	PaymentURL string
	// Client makes the outgoing calls; give it an instrumented transport to see
	// them. http.DefaultClient if nil.
	Client *http.Client
	// EventInterval is the time between two events of an order's stream;
	// 150 ms if zero.
	EventInterval time.Duration
}

// Shop is the service. Make one with New.
type Shop struct {
	cfg      Config
	products []shopdata.Product
	byToken  map[string]shopdata.User
	bySess   map[string]shopdata.User
	byEmail  map[string]shopdata.User

	stop     chan struct{}
	stopOnce sync.Once

	mu     sync.Mutex
	orders map[string]*order
	oldest []string // order ids, oldest first: the store is bounded
	nextID int
}

// New returns a shop with its catalogue and customers.
func New(cfg Config) *Shop {
	if cfg.Client == nil {
		cfg.Client = http.DefaultClient
	}
	if cfg.EventInterval == 0 {
		cfg.EventInterval = 150 * time.Millisecond
	}
	s := &Shop{
		cfg:      cfg,
		products: shopdata.Products(),
		byToken:  map[string]shopdata.User{},
		bySess:   map[string]shopdata.User{},
		byEmail:  map[string]shopdata.User{},
		stop:     make(chan struct{}),
		orders:   map[string]*order{},
		nextID:   1000,
	}
	for _, u := range shopdata.Users() {
		s.byToken[u.Token], s.bySess[u.Session], s.byEmail[u.Email] = u, u, u
	}
	return s
}

// Close ends the open event streams, so that a graceful shutdown need not wait
// for their clients.
func (s *Shop) Close() { s.stopOnce.Do(func() { close(s.stop) }) }

// Handler returns the routes. The patterns become http.route on the spans.
func (s *Shop) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /products", s.listProducts)
	mux.HandleFunc("GET /products/{sku}", s.getProduct)
	mux.HandleFunc("GET /search", s.search)
	mux.HandleFunc("GET /recommendations/{user}", s.recommend)
	mux.HandleFunc("POST /login", s.loginJSON)
	mux.HandleFunc("POST /login/form", s.loginForm)
	mux.HandleFunc("POST /checkout", s.checkout)
	mux.Handle("GET /me", s.authenticated(s.me))
	mux.Handle("POST /orders", s.authenticated(s.createOrder))
	mux.Handle("GET /orders/{id}", s.authenticated(s.getOrder))
	mux.Handle("GET /orders/{id}/events", s.authenticated(s.orderEvents))
	mux.Handle("POST /orders/{id}/attachments", s.authenticated(s.attach))
	mux.HandleFunc("GET /export/products.ndjson", s.export)
	mux.HandleFunc("POST /graphql", s.graphQL)
	mux.Handle("POST /mcp", s.authenticated(s.mcp))
	return mux
}

func (s *Shop) health(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n")
}

// problem is an error answer (RFC 9457).
type problem struct {
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Errors []fieldError `json:"errors,omitempty"`
}

type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func fail(w http.ResponseWriter, status int, detail string, errs ...fieldError) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{http.StatusText(status), status, detail, errs})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// decode reads one JSON document from the request and answers the request itself
// if there is none.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJSONBytes))
	err := dec.Decode(v)
	if err == nil {
		if _, err = dec.Token(); err == io.EOF {
			return true
		}
		err = errors.New("more than one document")
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		fail(w, http.StatusRequestEntityTooLarge, "the body is too large")
	case errors.Is(err, io.ErrUnexpectedEOF):
		fail(w, http.StatusBadRequest, "the body ended early")
	default:
		fail(w, http.StatusBadRequest, "the body is not valid JSON")
	}
	return false
}

func (s *Shop) product(sku string) (shopdata.Product, bool) {
	for _, p := range s.products {
		if strings.EqualFold(p.SKU, sku) {
			return p, true
		}
	}
	return shopdata.Product{}, false
}
