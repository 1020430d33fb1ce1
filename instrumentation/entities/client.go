// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import (
	"context"
	"errors"
	"fmt"
	"time"

	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/global"

	"github.com/apispan/apispan/internal/httpattr"
)

const scopeName = "github.com/apispan/apispan/instrumentation/entities"

// ErrInvalid is what all errors of this package wrap.
var ErrInvalid = errors.New("entities: invalid")

// Client emits updates. Make one with New and share it.
type Client struct {
	logger otellog.Logger
	now    func() time.Time
}

// Option configures a Client.
type Option interface{ apply(cfg *config) }

type config struct{ provider otellog.LoggerProvider }

type providerOption struct{ otellog.LoggerProvider }

func (o providerOption) apply(c *config) {
	if o.LoggerProvider != nil {
		c.provider = o.LoggerProvider
	}
}

// WithLoggerProvider says where the updates go. Default: the global provider
// (go.opentelemetry.io/otel/log/global), also one that is set later. Nil is
// ignored.
func WithLoggerProvider(p otellog.LoggerProvider) Option { return providerOption{p} }

// New returns a client.
func New(opts ...Option) *Client {
	cfg := config{provider: global.GetLoggerProvider()}
	for _, o := range opts {
		if o != nil {
			o.apply(&cfg)
		}
	}
	return &Client{logger: cfg.provider.Logger(scopeName), now: time.Now}
}

// UpdateUser emits the user, or returns an error that names the field to correct.
func (c *Client) UpdateUser(ctx context.Context, u User) error {
	return c.emit(ctx, httpattr.EventUserUpdate, u.ModifiedAt, u.attributes)
}

// UpdateUsers emits each valid user, in order. The error joins those of the
// others; each names the index.
func (c *Client) UpdateUsers(ctx context.Context, users []User) error {
	return all(ctx, "user", users, c.UpdateUser)
}

// UpdateCompany emits the company, or returns an error that names the field to
// correct.
func (c *Client) UpdateCompany(ctx context.Context, co Company) error {
	return c.emit(ctx, httpattr.EventCompanyUpdate, co.ModifiedAt, co.attributes)
}

// UpdateCompanies emits each valid company, in order. The error joins those of
// the others; each names the index.
func (c *Client) UpdateCompanies(ctx context.Context, companies []Company) error {
	return all(ctx, "company", companies, c.UpdateCompany)
}

// UpdateSubscription emits the subscription, or returns an error that names the
// field to correct.
func (c *Client) UpdateSubscription(ctx context.Context, s Subscription) error {
	return c.emit(ctx, httpattr.EventSubscriptionUpdate, s.ModifiedAt, s.attributes)
}

// UpdateSubscriptions emits each valid subscription, in order. The error joins
// those of the others; each names the index.
func (c *Client) UpdateSubscriptions(ctx context.Context, subscriptions []Subscription) error {
	return all(ctx, "subscription", subscriptions, c.UpdateSubscription)
}

// RecordAction emits the action, or returns an error that names the field to
// correct.
func (c *Client) RecordAction(ctx context.Context, a Action) error {
	return c.emit(ctx, httpattr.EventAction, a.Time, a.attributes)
}

// RecordActions emits each valid action, in order. The error joins those of the
// others; each names the index.
func (c *Client) RecordActions(ctx context.Context, actions []Action) error {
	return all(ctx, "action", actions, c.RecordAction)
}

func all[T any](ctx context.Context, what string, list []T, one func(context.Context, T) error) error {
	var errs []error
	for i, e := range list {
		if err := one(ctx, e); err != nil {
			errs = append(errs, fmt.Errorf("%s %d: %w", what, i, err))
		}
	}
	return errors.Join(errs...)
}

// emit hands one record to the provider. A panic of the application's code in
// metadata values is caught there; this one would be the provider's.
func (c *Client) emit(ctx context.Context, event string, at time.Time, attributes func(*attrs)) (err error) {
	if c == nil || c.logger == nil {
		return nil
	}
	var a attrs
	attributes(&a)
	if a.err != nil {
		return a.err
	}
	defer func() {
		if recover() != nil {
			err = errors.New("entities: the logger provider panicked; the update is lost")
		}
	}()
	if ctx == nil {
		ctx = context.Background()
	}
	now := c.now()
	if at.IsZero() {
		at = now
	}
	var r otellog.Record
	r.SetEventName(event)
	r.SetTimestamp(at)
	r.SetObservedTimestamp(now)
	r.SetSeverity(otellog.SeverityInfo)
	setAttributes(&r, a.list)
	c.logger.Emit(ctx, r)
	return nil
}
