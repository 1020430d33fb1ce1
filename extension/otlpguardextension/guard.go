// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/apispan/apispan/extension/otlpguardextension/internal/metadata"
)

// logInterval is how often refused requests are mentioned.
const logInterval = time.Minute

// guard is the extension: a middleware of HTTP and gRPC servers.
type guard struct {
	component.StartFunc
	component.ShutdownFunc

	limits    limits
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	logged    atomic.Int64 // Unix nanoseconds
	toldKept  atomic.Int64 // 〃
}

var (
	_ extension.Extension            = (*guard)(nil)
	_ extensionmiddleware.HTTPServer = (*guard)(nil)
	_ extensionmiddleware.GRPCServer = (*guard)(nil)
)

func newGuard(set extension.Settings, cfg *Config) (*guard, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &guard{
		limits:    limits{memory: cfg.MaxDecodedMiB << 20, depth: cfg.MaxDepth},
		logger:    set.Logger,
		telemetry: telemetry,
	}, nil
}

// refused counts a request, and is what its sender is told.
func (g *guard) refused(ctx context.Context, why verdict) error {
	g.telemetry.OtlpGuardRefusedRequests.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", string(why))))
	var err error
	switch why {
	case tooDeep:
		err = fmt.Errorf("otlp_guard: values are nested deeper than max_depth, %d levels", g.limits.depth)
	case tooLarge:
		err = fmt.Errorf("otlp_guard: decoding the request would take more memory than max_decoded_mib, %d: send smaller batches", g.limits.memory>>20)
	default:
		err = errors.New("otlp_guard: the request is not valid OTLP")
	}
	now, last := time.Now().UnixNano(), g.logged.Load()
	if now-last >= int64(logInterval) && g.logged.CompareAndSwap(last, now) {
		g.logger.Warn("A request was refused before it was decoded; more are counted by otelcol_otlp_guard_refused_requests", zap.Error(err))
	}
	return err
}

// GetHTTPHandler implements extensionmiddleware.HTTPServer. It runs behind the
// server's own limit of the (decompressed) body, max_request_body_size.
func (g *guard) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(w, r)
				return
			}
			b, err := io.ReadAll(r.Body)
			if err != nil {
				// The receiver sees the same bytes and the same error, and answers it.
				r.Body = body{io.MultiReader(bytes.NewReader(b), failing{err}), r.Body}
				next.ServeHTTP(w, r)
				return
			}
			why := g.limits.http(r, b)
			if why != fine {
				refuse(w, r, g.refused(r.Context(), why))
				return
			}
			r.Body = body{bytes.NewReader(b), r.Body}
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

// refuse answers as OTLP has it: 400 with a Status in the encoding of the request.
func refuse(w http.ResponseWriter, r *http.Request, why error) {
	kind, encode := "application/x-protobuf", proto.Marshal
	if strings.Contains(r.Header.Get("Content-Type"), "json") {
		kind, encode = "application/json", protojson.Marshal
	}
	answer, err := encode(status.New(codes.InvalidArgument, why.Error()).Proto())
	if err != nil {
		answer = nil
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(answer)
}

// http scans the body of a request by its content type, as the receiver reads it.
func (l limits) http(r *http.Request, b []byte) verdict {
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case kind == "application/x-protobuf":
		return l.request(r.URL.Path, b)
	case strings.HasSuffix(kind, "json"):
		return l.json(b)
	default: // which an OTLP receiver refuses without decoding
		return fine
	}
}

// body is a body that was read and is given back.
type body struct {
	io.Reader
	io.Closer
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// GetGRPCServerOptions implements extensionmiddleware.GRPCServer: the codec is the
// only place of a gRPC server that sees the bytes before they are decoded.
func (g *guard) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	return []grpc.ServerOption{grpc.ForceServerCodecV2(codec{guard: g})}, nil
}

// codec is the Collector's, with a look at the bytes.
type codec struct{ guard *guard }

func (codec) inner() encoding.CodecV2 { return encoding.GetCodecV2("proto") }

// Name implements encoding.CodecV2.
func (codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) { return c.inner().Marshal(v) }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if name := fmt.Sprintf("%T", v); strings.Contains(name, "Export") {
		buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
		why := c.guard.limits.request(name, buf.ReadOnlyData())
		buf.Free()
		if why != fine {
			return c.guard.refused(context.Background(), why)
		}
	}
	return c.inner().Unmarshal(data, v)
}
