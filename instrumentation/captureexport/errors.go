// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package captureexport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
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
