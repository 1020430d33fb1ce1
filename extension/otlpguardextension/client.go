// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"context"
	"mime"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// This file is the middleware of OTLP clients. The exporters otlp_http and otlp_grpc give
// up what the next hop refuses, by the letter of OTLP: with 401, 404 or 500 acknowledged
// spans are gone. But such an answer speaks of the way there, a key, a path, a proxy, and
// not of the data. As 503 or UNAVAILABLE the exporter's queue keeps them.

var (
	_ extensionmiddleware.HTTPClient = (*guard)(nil)
	_ extensionmiddleware.GRPCClient = (*guard)(nil)
)

// kept counts a refusal that becomes one for the moment.
func (g *guard) kept(ctx context.Context, answer string) {
	g.telemetry.OtlpGuardKeptRequests.Add(ctx, 1, metric.WithAttributes(attribute.String("answer", answer)))
	now, last := time.Now().UnixNano(), g.toldKept.Load()
	if now-last >= int64(logInterval) && g.toldKept.CompareAndSwap(last, now) {
		g.logger.Warn("The next hop refuses us, not the data: requests are kept and tried again. Check endpoint, TLS and credentials of the exporter, and proxies on the way; more are counted by otelcol_otlp_guard_kept_requests",
			zap.String("answer", answer))
	}
}

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (g *guard) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, next http.RoundTripper) (http.RoundTripper, error) {
		return roundTripper{g, next}, nil
	}, nil
}

type roundTripper struct {
	guard *guard
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil || isVerdict(resp) {
		return resp, err
	}
	answer := strings.TrimSpace(http.StatusText(resp.StatusCode))
	if answer == "" || resp.StatusCode < 300 {
		answer = "no OTLP"
	}
	t.guard.kept(r.Context(), answer)
	kept := *resp
	if resp.StatusCode == http.StatusSwitchingProtocols {
		_ = resp.Body.Close() // it is the connection, whose reading nothing ends
		kept.Body = http.NoBody
	}
	kept.StatusCode = http.StatusServiceUnavailable
	kept.Status = "503 " + http.StatusText(kept.StatusCode)
	kept.Header = resp.Header.Clone()
	kept.Header.Del("Location") // a redirect would make a GET of it, whose answer is no receipt
	return &kept, nil
}

// isVerdict reports whether an answer is one of an OTLP receiver about the request, or of
// anyone about the moment.
func isVerdict(r *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch r.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusRequestEntityTooLarge:
		return true
	case http.StatusBadRequest: // also what a TLS port or a firewall says, but not in OTLP
		return kind == "application/x-protobuf" || kind == "application/json"
	}
	// A page with 200 comes of a proxy that wants a login.
	return r.StatusCode/100 == 2 && kind != "text/html"
}

// GetGRPCClientOptions implements extensionmiddleware.GRPCClient.
func (g *guard) GetGRPCClientOptions(context.Context) ([]grpc.DialOption, error) {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			err := invoke(ctx, method, req, reply, cc, opts...)
			s := status.Convert(err)
			if err == nil || isVerdictGRPC(s) {
				return err
			}
			g.kept(ctx, s.Code().String())
			return status.Error(codes.Unavailable, "otlp_guard: the next hop answered "+s.Code().String())
		},
	)}, nil
}

// isVerdictGRPC is isVerdict for a status that is not OK.
func isVerdictGRPC(s *status.Status) bool {
	switch s.Code() {
	case codes.InvalidArgument:
		return true
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return true // they are repeated as they are
	case codes.ResourceExhausted:
		for _, d := range s.Details() {
			if _, ok := d.(*errdetails.RetryInfo); ok {
				return true
			}
		}
		// Of gRPC itself; a quota is none.
		return strings.Contains(s.Message(), "message larger than max") || strings.Contains(s.Message(), "message after decompression larger than max")
	case codes.Internal:
		return strings.Contains(s.Message(), "unmarshalling request")
	}
	return false
}
