// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/apispan/apispan/instrumentation/httpcapture"
	"github.com/apispan/apispan/test/frameworks/adaptertest"
)

type message = wrapperspb.StringValue

// shop is a service of all kinds of calls.
func shop() http.Handler {
	m := http.NewServeMux()
	m.Handle("/shop.v1.Shop/Say", connect.NewUnaryHandler("/shop.v1.Shop/Say", func(_ context.Context, r *connect.Request[message]) (*connect.Response[message], error) {
		if r.Msg.GetValue() == "bad" {
			return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("no"))
		}
		return connect.NewResponse(wrapperspb.String("re: " + r.Msg.GetValue())), nil
	}))
	m.Handle("/shop.v1.Shop/Watch", connect.NewServerStreamHandler("/shop.v1.Shop/Watch", func(_ context.Context, r *connect.Request[message], s *connect.ServerStream[message]) error {
		for word := range strings.FieldsSeq(r.Msg.GetValue()) {
			if err := s.Send(wrapperspb.String(word)); err != nil {
				return err
			}
		}
		return nil
	}))
	m.Handle("/shop.v1.Shop/Collect", connect.NewClientStreamHandler("/shop.v1.Shop/Collect", func(_ context.Context, s *connect.ClientStream[message]) (*connect.Response[message], error) {
		var all []string
		for s.Receive() {
			all = append(all, s.Msg().GetValue())
		}
		return connect.NewResponse(wrapperspb.String(strings.Join(all, " "))), s.Err()
	}))
	m.Handle("/shop.v1.Shop/Chat", connect.NewBidiStreamHandler("/shop.v1.Shop/Chat", func(_ context.Context, s *connect.BidiStream[message, message]) error {
		for {
			msg, err := s.Receive()
			if err != nil {
				return nil //nolint:nilerr // the other side has come to its end
			}
			if err := s.Send(wrapperspb.String("re: " + msg.GetValue())); err != nil {
				return err
			}
		}
	}))
	return m
}

// rpc is one call: what is sent, and what comes back.
type rpc struct {
	method    string
	sent, got []string
	h2        bool
}

func (r rpc) do(t *testing.T, client *http.Client, address string, opts ...connect.ClientOption) {
	t.Helper()
	c := connect.NewClient[message, message](client, address+"/shop.v1.Shop/"+r.method, opts...)
	var got []string
	var err error
	switch r.method {
	case "Say":
		var res *connect.Response[message]
		if res, err = c.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(r.sent[0]))); err == nil {
			got = append(got, res.Msg.GetValue())
		}
	case "Watch":
		var s *connect.ServerStreamForClient[message]
		if s, err = c.CallServerStream(t.Context(), connect.NewRequest(wrapperspb.String(r.sent[0]))); err == nil {
			for s.Receive() {
				got = append(got, s.Msg().GetValue())
			}
			err = errors.Join(s.Err(), s.Close())
		}
	case "Collect":
		s := c.CallClientStream(t.Context())
		for _, m := range r.sent {
			_ = s.Send(wrapperspb.String(m))
		}
		var res *connect.Response[message]
		if res, err = s.CloseAndReceive(); err == nil {
			got = append(got, res.Msg.GetValue())
		}
	case "Chat":
		s := c.CallBidiStream(t.Context())
		for _, m := range r.sent { // one at a time, so nothing may be held back
			if err = s.Send(wrapperspb.String(m)); err != nil {
				break
			}
			var msg *message
			if msg, err = s.Receive(); err != nil {
				break
			}
			got = append(got, msg.GetValue())
		}
		err = errors.Join(err, s.CloseRequest())
		for err == nil { // to the end
			if _, err = s.Receive(); errors.Is(err, io.EOF) {
				err = nil
				break
			}
		}
		err = errors.Join(err, s.CloseResponse())
	}
	if (r.got == nil) != (err != nil) || !cmp.Equal(r.got, got) {
		t.Errorf("%s: got %q, %v", r.method, got, err)
	}
}

// texts are the messages of a recorded body.
func texts(t *testing.T, body any, json bool) []string {
	t.Helper()
	var all []string
	switch b := body.(type) {
	case string:
		for line := range strings.SplitSeq(b, "\n") {
			if !strings.HasPrefix(line, "{") { // Connect's last
				all = append(all, unquote(t, line))
			}
		}
	case []byte:
		var m message
		if json {
			t.Errorf("JSON is recorded as bytes: %q", b)
		} else if err := proto.Unmarshal(b, &m); err != nil {
			t.Errorf("%q: %v", b, err)
		}
		all = append(all, m.GetValue())
	}
	return all
}

func unquote(t *testing.T, line string) (s string) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &s); err != nil {
		t.Errorf("%q: %v", line, err)
	}
	return s
}

// TestConnect: whatever protocol and codec, calls pass, and both events have the messages
// without their envelopes.
func TestConnect(t *testing.T) {
	long := strings.Repeat("long ", 1000)
	calls := []rpc{
		{"Say", []string{"hello"}, []string{"re: hello"}, false},
		{"Say", []string{long}, []string{"re: " + long}, false},
		{"Say", []string{"bad"}, nil, false},
		{"Watch", []string{"a b c"}, []string{"a", "b", "c"}, false},
		{"Watch", []string{"a"}, []string{"a"}, false},
		{"Collect", []string{"x", "y"}, []string{"x y"}, false},
		{"Chat", []string{"one", "two"}, []string{"re: one", "re: two"}, true},
	}
	codecs := map[string]connect.ClientOption{"JSON": connect.WithProtoJSON(), "proto": connect.WithClientOptions()}
	kinds := map[string]connect.ClientOption{"Connect": connect.WithClientOptions(), "gRPC": connect.WithGRPC(), "gRPC-Web": connect.WithGRPCWeb()}
	opts := []httpcapture.Option{all, httpcapture.WithContentTypes("*/*")}
	for protocol, h2 := range protocols {
		for way := range ways {
			servers, clients := newSpans(t, trace.SpanKindServer), newSpans(t, trace.SpanKindClient)
			address, client := start(t, ways[way](servers.TracerProvider, opts...)(shop()), h2)
			client.Transport = clientWays[way](client.Transport, clients.TracerProvider, opts...)
			for kind, kindOf := range kinds {
				for codec, codecOf := range codecs {
					for zip, zipOf := range map[string]connect.ClientOption{"plain": connect.WithAcceptCompression("gzip", nil, nil), "gzip": connect.WithSendGzip()} {
						for _, c := range calls {
							if !h2 && (c.h2 || kind == "gRPC") {
								continue
							}
							t.Run(strings.Join([]string{protocol, way, kind, codec, zip, c.method}, "/"), func(t *testing.T) {
								c.do(t, client, address, kindOf, codecOf, zipOf)
								for _, span := range []map[string]any{adaptertest.Attrs(servers.next(t)), adaptertest.Attrs(clients.next(t))} {
									if c.got == nil {
										continue
									}
									for key, want := range map[string][]string{reqBody: c.sent, resBody: c.got} {
										if codec == "proto" && len(want) > 1 {
											continue // in envelopes
										}
										if got := texts(t, span[key], codec == "JSON"); !cmp.Equal(got, want) {
											t.Errorf("%s: got %.100q, want %.100q", key, got, want)
										}
									}
								}
							})
						}
					}
				}
			}
			servers.none(t)
			clients.none(t)
		}
	}
}
