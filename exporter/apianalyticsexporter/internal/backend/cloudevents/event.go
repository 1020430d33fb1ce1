// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package cloudevents

import (
	"slices"
	"strconv"
	"strings"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/backend/wire"
	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/exchange"
)

// maxMetadata and maxValue bound what is sent of metadata: entries, and bytes of a text.
const maxMetadata, maxValue = 64, 1024

// Append implements [backend.Encoder].
func (e *Encoder) Append(dst []byte, ex *exchange.Exchange) ([]byte, backend.Drop) {
	weight := max(ex.Weight, 1)
	subject := e.subject(ex)
	switch {
	case e.SelfTraffic(ex):
		return dst, backend.DropSelfTraffic
	case subject == "" && e.config.RequireSubject:
		return dst, backend.DropNoIdentity
	case weight != 1 && e.config.RequireWeightOne:
		return dst, backend.DropWeight
	}
	dst = append(dst, `{"specversion":"1.0","id":`...)
	dst = wire.AppendString(dst, ex.ID)
	dst = append(dst, `,"source":"`...)
	if e.source != "" {
		dst = append(dst, e.source...)
	} else {
		dst = appendSource(dst, ex.ServiceName)
	}
	dst = append(dst, `","type":`...)
	dst = append(dst, e.kind...)
	switch {
	case subject != "":
		dst = append(dst, `,"subject":`...)
		dst = wire.AppendString(dst, subject)
	case e.standIn != "":
		dst = append(dst, `,"subject":`...)
		dst = append(dst, e.standIn...)
	}
	if ex.Start.Unix() > 0 { // without one, a meter takes the time of arrival
		dst = append(dst, `,"time":`...)
		dst = wire.AppendTime(dst, ex.Start)
	}
	dst = append(dst, `,"datacontenttype":"application/json","data":{"method":`...)
	dst = wire.AppendString(dst, method(ex.Method))
	dst = wire.AppendText(dst, `,"direction":`, wire.Direction(ex))
	dst = wire.AppendText(dst, `,"route":`, ex.Route)
	if status := ex.StatusCode(); status != 0 {
		dst = wire.AppendInt(dst, `,"status":`, int64(status))
	}
	dst = append(dst, `,"duration_ms":`...)
	dst = strconv.AppendFloat(dst, float64(ex.Duration().Microseconds())/1000, 'f', -1, 64)
	if n := ex.Request.Body.Size; n >= 0 {
		dst = wire.AppendInt(dst, `,"request_bytes":`, n)
	}
	if n := ex.Response.Body.Size; n >= 0 {
		dst = wire.AppendInt(dst, `,"response_bytes":`, n)
	}
	dst = wire.AppendInt(dst, `,"weight":`, weight)
	dst = wire.AppendText(dst, `,"service":`, ex.ServiceName)
	dst = wire.AppendText(dst, `,"environment":`, ex.Environment)
	dst = wire.AppendText(dst, `,"api_version":`, ex.APIVersion)
	dst = e.appendMetadata(dst, ex.Metadata)
	for _, what := range ex.Shed {
		if what != exchange.ShedBodies && what != exchange.ShedHeaders { // of which nothing is sent
			dst = wire.AppendShed(dst, what)
		}
	}
	return append(dst, '}', '}'), backend.Keep
}

// subject returns who is metered, or "".
func (e *Encoder) subject(ex *exchange.Exchange) (s string) {
	switch e.config.Subject {
	case SubjectCompany:
		s = ex.CompanyID
	case SubjectUser:
		s = ex.UserID
	case SubjectSubscription:
		s = ex.SubscriptionID
	default:
		s = ex.ConsumerID
	}
	if usable(s) {
		return s
	}
	return ""
}

// appendSource appends a URI reference of one segment. A colon is encoded, or what is
// before it would be a scheme.
func appendSource(dst []byte, service string) []byte {
	if service == "" {
		return append(dst, "apispan"...)
	}
	for i := range len(service) {
		if c := service[i]; c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '.' || c == '_' || c == '~' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return dst
}

// method returns the method, or semconv's name for one that is not registered: a caller
// must not make up groups of a meter.
func method(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY":
		return m
	}
	return "_OTHER"
}

// appendMetadata appends the chosen entries. A name is one that JSON paths need no
// quotation for: what is no letter or digit is an underscore. Of entries with one name the
// first counts. What a meter cannot count or group by, lists, objects and long texts, is
// left out.
func (e *Encoder) appendMetadata(dst []byte, metadata []exchange.KeyValue) []byte {
	const name = `,"metadata":`
	dst, mark := wire.Open(dst, name)
	n := 0
	var sent [maxMetadata]int
	for i := range metadata {
		key := metadata[i].Key
		if !e.chosen(key) || n == maxMetadata ||
			slices.ContainsFunc(sent[:n], func(j int) bool { return sameName(metadata[j].Key, key) }) {
			continue
		}
		switch v := metadata[i].Value.(type) {
		case string:
			if len(v) > maxValue {
				continue
			}
		case bool, int64, float64:
		default:
			continue
		}
		member := len(dst)
		dst = append(dst, ',', '"')
		for j := range len(key) {
			dst = append(dst, nameByte(key[j]))
		}
		var ok bool
		if dst, ok = wire.AppendValue(append(dst, '"', ':'), metadata[i].Value); !ok {
			dst = dst[:member]
			continue
		}
		sent[n] = i
		n++
	}
	return wire.Close(dst, name, mark)
}

func (e *Encoder) chosen(key string) bool {
	if key == "" {
		return false
	}
	for _, want := range e.config.Metadata {
		if prefix, ok := strings.CutSuffix(want, "*"); ok && strings.HasPrefix(key, prefix) || key == want {
			return true
		}
	}
	return false
}

func nameByte(c byte) byte {
	if c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' {
		return c
	}
	return '_'
}

func sameName(a, b string) bool {
	for i := 0; len(a) == len(b) && i < len(a); i++ {
		if nameByte(a[i]) != nameByte(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}
