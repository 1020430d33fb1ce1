// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package entities

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/apispan/apispan/internal/httpattr"
)

// Limits in bytes, and in elements.
const (
	maxID    = 512
	maxText  = 1 << 10
	maxURL   = 4 << 10
	maxItems = 100
)

// attrs collects the attributes of one record, or the first error.
type attrs struct {
	list []slog.Attr
	err  error
}

// fail names the field; the value must not be in the text.
func (a *attrs) fail(field, problem string) {
	if a.err == nil {
		a.err = fmt.Errorf("%w: %s %s", ErrInvalid, field, problem)
	}
}

// ok checks a text and reports whether it is to be set.
func (a *attrs) ok(field, value string, limit int) bool {
	switch {
	case value == "":
		return false
	case len(value) > limit:
		a.fail(field, fmt.Sprintf("is longer than %d bytes", limit))
	case !utf8.ValidString(value):
		a.fail(field, "is not valid UTF-8")
	default:
		return true
	}
	return false
}

func (a *attrs) text(field, key, value string, limit int) {
	if a.ok(field, value, limit) {
		a.list = append(a.list, slog.String(key, value))
	}
}

func (a *attrs) required(field, key, value string, limit int) {
	if value == "" {
		a.fail(field, "is empty; it is required")
		return
	}
	a.text(field, key, value, limit)
}

func (a *attrs) address(field, value string) {
	if value == "" {
		return
	}
	addr, err := netip.ParseAddr(value)
	if err != nil {
		a.fail(field, "is no IP address; leave out port and brackets")
		return
	}
	a.list = append(a.list, slog.String(httpattr.ClientAddress, addr.Unmap().WithZone("").String()))
}

// maxYear is the last that RFC 3339 can write.
const maxYear = 9999

func (a *attrs) time(field, key string, t time.Time) {
	if t.IsZero() {
		return
	}
	if s, ok := a.timeText(field, t); ok {
		a.list = append(a.list, slog.String(key, s))
	}
}

func (a *attrs) timeText(field string, t time.Time) (string, bool) {
	t = t.UTC()
	if y := t.Year(); y < 1 || y > maxYear {
		a.fail(field, "is outside the years 1 to 9999")
		return "", false
	}
	return t.Format(time.RFC3339Nano), true
}

func (a *attrs) campaign(c *Campaign) {
	a.text("Campaign.UTMSource", httpattr.CampaignSource, c.UTMSource, maxText)
	a.text("Campaign.UTMMedium", httpattr.CampaignMedium, c.UTMMedium, maxText)
	a.text("Campaign.UTMCampaign", httpattr.CampaignName, c.UTMCampaign, maxText)
	a.text("Campaign.UTMTerm", httpattr.CampaignTerm, c.UTMTerm, maxText)
	a.text("Campaign.UTMContent", httpattr.CampaignContent, c.UTMContent, maxText)
	a.text("Campaign.Referrer", httpattr.CampaignReferrer, c.Referrer, maxURL)
	a.text("Campaign.ReferringDomain", httpattr.CampaignReferringDomain, c.ReferringDomain, maxText)
	a.text("Campaign.GCLID", httpattr.CampaignGCLID, c.GCLID, maxText)
}

func (u *User) attributes(a *attrs) {
	a.required("User.ID", httpattr.UserID, u.ID, maxID)
	a.text("User.CompanyID", httpattr.CompanyID, u.CompanyID, maxID)
	a.text("User.SessionID", httpattr.SessionID, u.SessionID, maxID)
	a.text("User.Email", httpattr.UserEmail, u.Email, maxText)
	a.text("User.FullName", httpattr.UserFullName, u.FullName, maxText)
	a.address("User.ClientAddress", u.ClientAddress)
	a.text("User.UserAgent", httpattr.UserAgent, u.UserAgent, maxURL)
	a.campaign(&u.Campaign)
	a.metadata("User.Metadata", httpattr.MetadataPrefix, u.Metadata)
	a.modified("User.ModifiedAt", u.ModifiedAt)
}

func (c *Company) attributes(a *attrs) {
	a.required("Company.ID", httpattr.CompanyID, c.ID, maxID)
	a.text("Company.Domain", httpattr.CompanyDomain, c.Domain, maxText)
	a.text("Company.SessionID", httpattr.SessionID, c.SessionID, maxID)
	a.address("Company.ClientAddress", c.ClientAddress)
	a.campaign(&c.Campaign)
	a.metadata("Company.Metadata", httpattr.MetadataPrefix, c.Metadata)
	a.modified("Company.ModifiedAt", c.ModifiedAt)
}

func (s *Subscription) attributes(a *attrs) {
	a.required("Subscription.ID", httpattr.SubscriptionID, s.ID, maxID)
	a.required("Subscription.CompanyID", httpattr.CompanyID, s.CompanyID, maxID)
	switch s.Status {
	case StatusActive, StatusCancelled, StatusPaused, StatusTrialing, StatusPending, StatusDraft, StatusFuture:
		a.list = append(a.list, slog.String(httpattr.SubscriptionStatus, string(s.Status)))
	default:
		a.fail("Subscription.Status", "is not one of the Status constants")
	}
	a.time("Subscription.PeriodStart", httpattr.SubscriptionPeriodStart, s.PeriodStart)
	a.time("Subscription.PeriodEnd", httpattr.SubscriptionPeriodEnd, s.PeriodEnd)
	if !s.PeriodStart.IsZero() && !s.PeriodEnd.IsZero() && s.PeriodEnd.Before(s.PeriodStart) {
		a.fail("Subscription.PeriodEnd", "is before PeriodStart")
	}
	a.items(s.Items)
	a.metadata("Subscription.Metadata", httpattr.MetadataPrefix, s.Metadata)
	a.modified("Subscription.ModifiedAt", s.ModifiedAt)
}

func (a *attrs) items(items []SubscriptionItem) {
	if len(items) > maxItems {
		a.fail("Subscription.Items", fmt.Sprintf("has more than %d elements", maxItems))
		return
	}
	if len(items) == 0 {
		return
	}
	list := make([]any, len(items))
	for i := range items {
		it := &items[i]
		field := fmt.Sprintf("Subscription.Items[%d].", i)
		var m attrs
		m.required(field+"PlanID", httpattr.ItemPlanID, it.PlanID, maxID)
		m.text(field+"ID", httpattr.ItemID, it.ID, maxID)
		m.text(field+"PriceID", httpattr.ItemPriceID, it.PriceID, maxID)
		m.text(field+"UnitOfMeasure", httpattr.ItemUnit, it.UnitOfMeasure, maxText)
		m.time(field+"CreatedAt", httpattr.ItemCreatedAt, it.CreatedAt)
		var meta attrs
		if meta.metadata(field+"Metadata", "", it.Metadata); len(meta.list) > 0 {
			m.list = append(m.list, slog.Any(httpattr.ItemMetadata, tree(meta.list)))
		}
		for _, err := range []error{m.err, meta.err} {
			if a.err == nil {
				a.err = err
			}
		}
		list[i] = tree(m.list)
	}
	a.list = append(a.list, slog.Any(httpattr.SubscriptionItems, list))
}

func (x *Action) attributes(a *attrs) {
	a.required("Action.Name", httpattr.ActionName, x.Name, maxText)
	a.required("Action.URL", httpattr.URLFull, x.URL, maxURL)
	if u, err := url.Parse(x.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		a.fail("Action.URL", "is not an absolute http or https URL")
	}
	a.text("Action.UserID", httpattr.UserID, x.UserID, maxID)
	a.text("Action.CompanyID", httpattr.CompanyID, x.CompanyID, maxID)
	a.text("Action.SubscriptionID", httpattr.SubscriptionID, x.SubscriptionID, maxID)
	a.text("Action.SessionID", httpattr.SessionID, x.SessionID, maxID)
	a.address("Action.ClientAddress", x.ClientAddress)
	a.text("Action.UserAgent", httpattr.UserAgent, x.UserAgent, maxURL)
	id := x.ID
	switch {
	case id == "":
		id = newUUID()
	case !isUUID(id):
		a.fail("Action.ID", "is not a UUID of 36 characters; leave it empty for a new one")
	}
	a.text("Action.ID", httpattr.EventID, id, maxID)
	a.metadata("Action.Metadata", httpattr.MetadataPrefix, x.Metadata)
	a.modified("Action.Time", x.Time)
}

// modified checks the record's own time, which OTLP stores as nanoseconds since
// 1970 in 64 bits.
func (a *attrs) modified(field string, t time.Time) {
	if !t.IsZero() && (t.Year() < 1970 || t.Year() > 2261) {
		a.fail(field, "is outside the years 1970 to 2261")
	}
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[:8], b[:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:], b[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'f'):
			return false
		}
	}
	return true
}
