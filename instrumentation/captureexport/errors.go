// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// verdict is what an attempt came to.
type verdict uint8

const (
	taken    verdict = iota
	refused          // for good
	tooLarge         // for good, at this size
	failed           // try again
	panicked
)

var (
	// partial is the text of the error with which the OTLP exporters report that the
	// receiver took a request but for some spans; its type is internal to them.
	partial = regexp.MustCompile(`OTLP partial success: [\s\S]*\((\d+) spans rejected\)`)
	// httpAnswer is the text of the error with which otlptracehttp reports a status that
	// it does not retry.
	httpAnswer = regexp.MustCompile(`failed to send to \S+: (\d{3})\b`)
)

// judge classifies an error of the exporter. Texts are looked at and never passed on:
// they may hold what the receiver wrote.
func (p *SpanProcessor) judge(err error, n int) (v verdict, rejected int) {
	if err == nil {
		return taken, 0
	}
	if m := partial.FindStringSubmatch(err.Error()); m != nil {
		k, convErr := strconv.Atoi(m[1])
		if convErr != nil {
			k = n
		}
		return taken, min(max(k, 0), n)
	}
	switch {
	case isTooLarge(err):
		return tooLarge, 0
	case !p.cfg.retry.Disabled && p.cfg.retry.Retryable(err):
		return failed, 0
	}
	return refused, 0
}

var errPanicked = errors.New("the exporter panicked")

// answered is httpAnswer with the URL.
var answered = regexp.MustCompile(`failed to send to (\S+): (\d{3})\b`)

// cause says why an export failed: what went wrong on this side of the wire, where, and
// the status of the receiver, but not a word of what the receiver wrote.
func cause(err error) string {
	var urlErr *url.Error
	switch {
	case errors.Is(err, errPanicked):
		return errPanicked.Error()
	case errors.As(err, &urlErr):
		return fmt.Sprintf("%s %s: %v", urlErr.Op, bareURL(urlErr.URL), local(urlErr.Err))
	}
	if m := answered.FindStringSubmatch(err.Error()); m != nil {
		code, _ := strconv.Atoi(m[2])
		return fmt.Sprintf("%s answered %d %s", bareURL(m[1]), code, http.StatusText(code))
	}
	if m := partial.FindStringSubmatch(err.Error()); m != nil {
		return "the receiver rejected " + m[1] + " spans"
	}
	if strings.Contains(err.Error(), "retry-able request failure") { // otlptracehttp keeps the status to itself
		return "the receiver asks to try again (429, 502, 503 or 504)"
	}
	if s, ok := status.FromError(err); ok {
		if s.Code() == codes.Unavailable && strings.HasPrefix(s.Message(), "connection error: ") { // written by grpc-go itself
			return "gRPC Unavailable: " + s.Message()
		}
		return "gRPC status " + s.Code().String()
	}
	return local(err)
}

// endpoint is where an OTLP exporter sends to, as it tells the SDK's log, or "".
func endpoint(exporter any) (where string) {
	defer func() {
		if recover() != nil {
			where = ""
		}
	}()
	told := exporter
	for range 2 {
		m, ok := told.(interface{ MarshalLog() any })
		if !ok {
			break
		}
		v := reflect.ValueOf(m.MarshalLog())
		if f := v.FieldByName("Endpoint"); f.IsValid() {
			return f.String()
		}
		told = v.FieldByName("Client").Interface()
	}
	// As of 1.47 they do not tell; what they were told is still in them.
	client := reflect.ValueOf(exporter).Elem().FieldByName("client").Elem().Elem()
	if f := client.FieldByName("endpoint"); f.IsValid() {
		return f.String()
	}
	return client.FieldByName("cfg").FieldByName("Endpoint").String()
}

// local is the text of an error that was made on this side, else its type.
func local(err error) string {
	var netErr *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &netErr):
		return netErr.Error()
	case errors.As(err, &dns):
		return dns.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	}
	var tlsErr *tls.CertificateVerificationError
	if errors.As(err, &tlsErr) {
		return tlsErr.Error()
	}
	return fmt.Sprintf("an error of type %T", err)
}

// bareURL is a URL without what may be secret in it.
func bareURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "the endpoint"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// isTooLarge recognises a message that the receiver, or the exporter itself, will
// not take because of its size.
func isTooLarge(err error) bool {
	if s, ok := status.FromError(err); ok && s.Code() == codes.ResourceExhausted {
		// https://github.com/grpc/grpc-go/blob/master/rpc_util.go: "grpc: received message
		// larger than max", "message after decompression larger than max"; other servers
		// say nearly the same.
		return strings.Contains(s.Message(), "larger than")
	}
	text := err.Error()
	if m := httpAnswer.FindStringSubmatch(text); m != nil {
		// The Collector answers 400 with this text when confighttp's limit is reached.
		return m[1] == "413" || m[1] == "400" && strings.Contains(text, "request body too large")
	}
	return strings.Contains(text, "request body too large: exceeded") ||
		strings.Contains(text, "request message too large: exceeded")
}

// DefaultRetryable reports whether an exporter's error may pass by itself: refused
// and lost connections, timeouts, the gRPC and HTTP statuses that OTLP calls
// retryable (https://opentelemetry.io/docs/specs/otlp/#failures), and errors of a
// kind not known here. Other statuses are for good.
func DefaultRetryable(err error) bool {
	var netErr net.Error
	var urlErr *url.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &urlErr) || errors.As(err, &netErr) {
		return true
	}
	if s, ok := status.FromError(err); ok {
		switch s.Code() {
		case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange,
			codes.Unavailable, codes.DataLoss, codes.ResourceExhausted:
			return true
		}
		return false
	}
	if m := httpAnswer.FindStringSubmatch(err.Error()); m != nil {
		switch m[1] {
		case "429", "502", "503", "504":
			return true
		}
		return false
	}
	return true
}
