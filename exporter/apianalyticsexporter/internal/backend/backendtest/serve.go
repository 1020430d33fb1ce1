// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// ServeHTTP checks, records and answers one request. A request is taken or
// refused as a whole: one bad event makes it a 400 and nothing is recorded.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.serveConfig(w, r) || f.serveFrames(w, r) {
		return
	}
	// Faults are for events.
	var fault *Fault
	if f.Vendor.Beside == "" || f.Vendor.place(r.URL) != f.Vendor.Beside {
		fault = f.nextFault()
	}
	if fault == nil {
		status, text := f.handle(r)
		answer(w, status, text)
		return
	}
	status, text := fault.Status, ""
	switch {
	case fault.Take || fault.Status == 0 && !fault.Reset:
		taken, answerText := f.handle(r)
		if status == 0 {
			status, text = taken, answerText
		}
	default:
		// Read the request, as a server does that fails later on.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, int64(f.Vendor.MaxBytes)))
	}
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	if fault.Reset {
		reset(w)
		return
	}
	if fault.RetryAfter != "" {
		w.Header().Set("Retry-After", fault.RetryAfter)
	}
	if fault.Body != "" {
		text = fault.Body
	}
	answer(w, status, text)
}

// answer writes text as it is if that is JSON or garbage by order, and an empty
// object otherwise.
func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if text == "" {
		text = "{}"
	}
	_, _ = io.WriteString(w, text)
}

// reset closes the connection such that the peer sees a reset, not an orderly
// end of file.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2 or a recorder: the nearest thing
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// handle returns the answer to a request that meets no fault.
func (f *Fake) handle(r *http.Request) (status int, text string) {
	refuse := func(status int, problems ...string) (int, string) {
		f.Violate(problems...)
		body, _ := json.Marshal(map[string]any{"errors": problems})
		return status, string(body)
	}
	v := f.Vendor
	if v.Serve != nil {
		return v.Serve(f, r)
	}
	v, stream := v.at(r.URL.Path)
	if v.Path != "" && (r.URL.Path != v.Path || r.URL.RawQuery != "") {
		return refuse(http.StatusNotFound, "request: not to "+v.Path)
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "request: method is not POST")
	}
	if !v.Authorized(r.Header, f.Settings.Credential) {
		return refuse(http.StatusUnauthorized, "request: credential missing or wrong")
	}
	var problems []string
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(v.MediaTypes, mediaType) {
		problems = append(problems, "request: Content-Type is not "+strings.Join(v.MediaTypes, " or "))
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") {
		problems = append(problems, "request: charset is not utf-8")
	}
	if r.UserAgent() == "" || strings.HasPrefix(r.UserAgent(), "Go-http-client") {
		problems = append(problems, "request: no User-Agent of its own")
	}
	body, tooLarge, err := f.readUpTo(r, v.MaxBytes)
	switch {
	case tooLarge:
		return refuse(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("request: more than %d bytes uncompressed", v.MaxBytes))
	case errors.Is(err, errBrokenOff):
		return http.StatusBadRequest, "" // its sender is gone
	case err != nil:
		return refuse(http.StatusBadRequest, append(problems, "request: "+err.Error())...)
	}
	items, err := v.Split(mediaType, body)
	if err != nil {
		return refuse(http.StatusBadRequest, append(problems, "request: "+err.Error())...)
	}
	if len(items) > v.MaxItems {
		return refuse(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("request: %d events, at most %d allowed", len(items), v.MaxItems))
	}
	for i, item := range items {
		if len(item) > v.MaxItemBytes {
			return refuse(http.StatusRequestEntityTooLarge,
				fmt.Sprintf("event %d: %d bytes, at most %d allowed", i, len(item), v.MaxItemBytes))
		}
		for _, p := range v.Check(item) {
			problems = append(problems, fmt.Sprintf("event %d: %s", i, p))
		}
	}
	if len(problems) > 0 {
		return refuse(http.StatusBadRequest, problems...)
	}
	if stream != "" {
		f.AcceptEntities(stream, v.IDField, items)
	} else {
		f.Accept(items)
	}
	return v.Success, ""
}

// Read is readUpTo the limit of events.
func (f *Fake) Read(r *http.Request) (body []byte, tooLarge bool, err error) {
	return f.readUpTo(r, f.Vendor.MaxBytes)
}

// errBrokenOff says that the connection ended within the body, as when its sender is killed.
var errBrokenOff = errors.New("body breaks off")

// noted notes the error of a reader.
type noted struct {
	io.Reader

	err error
}

func (n *noted) Read(b []byte) (int, error) {
	read, err := n.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return read, err
}

// readUpTo returns the body without its content coding. Errors hold no data.
func (f *Fake) readUpTo(r *http.Request, maxBytes int) (body []byte, tooLarge bool, err error) {
	raw := &noted{Reader: r.Body}
	defer func() {
		if err != nil && raw.err != nil {
			err = errBrokenOff
		}
	}()
	var src io.Reader = raw
	switch coding := r.Header.Get("Content-Encoding"); coding {
	case "":
	case "zstd":
		zs, err := zstd.NewReader(r.Body)
		if err != nil {
			return nil, false, fmt.Errorf("body is not zstd as declared")
		}
		defer zs.Close()
		src = zs
	case "gzip":
		gz, err := gzip.NewReader(raw)
		if err != nil {
			return nil, false, fmt.Errorf("body is not gzip as declared")
		}
		defer gz.Close()
		src = gz
	default:
		return nil, false, fmt.Errorf("content coding is neither absent nor gzip or zstd")
	}
	body, err = io.ReadAll(io.LimitReader(src, int64(maxBytes)+1))
	if err != nil {
		return nil, false, fmt.Errorf("body cannot be read")
	}
	return body, len(body) > maxBytes, nil
}

// SplitArray returns the elements of the JSON array that body consists of.
func SplitArray(_ string, body []byte) ([]json.RawMessage, error) {
	if !json.Valid(body) {
		return nil, fmt.Errorf("body is not JSON")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return nil, fmt.Errorf("body is not a bare array")
	}
	var items []json.RawMessage
	if err := json.Unmarshal(body, &items); err != nil {
		return nil, fmt.Errorf("body cannot be split into events")
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("array is empty")
	}
	return items, nil
}
