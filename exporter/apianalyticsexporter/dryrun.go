// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apianalyticsexporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/apispan/apispan/exporter/apianalyticsexporter/internal/payload"
	"github.com/apispan/apispan/internal/inspect"
)

const (
	// maxDryRunBytes bounds the file of a dry run.
	maxDryRunBytes = 64 << 20
	// hidden stands for what may be a credential.
	hidden = "[hidden]"
)

// shownHeaders are the request headers whose values cannot be a credential.
var shownHeaders = []string{"Content-Encoding", "Content-Length", "Content-Type", "User-Agent"}

// rehearsal is where a dry run writes what it would have sent. The file has the
// format that editors know as ".http": a line with "###" before each request.
type rehearsal struct {
	// secret is taken out of the content, should it be there.
	secret string
	logger *zap.Logger

	mu    sync.Mutex
	file  *os.File // nil without a file, or when it is full
	left  int64    // bytes that may still be written
	limit int64
}

// startRehearsal is startSenders for a dry run.
func (e *core) startRehearsal(host component.Host) error {
	e.set.Logger.Warn("dry_run is true: events are translated and counted, and not sent; what the storage of the queue holds stays there", zap.String("backend", e.choice.name))
	if id := e.unused; id != nil {
		if _, ok := host.GetExtensions()[*id].(storage.Extension); !ok {
			return fmt.Errorf("api_analytics: `sending_queue::storage` names %s, which is no storage extension among `service::extensions`", *id)
		}
	}
	if e.cfg.DryRunFile == "" {
		return nil
	}
	return e.rehearsal.open(e.cfg.DryRunFile)
}

// withoutStorage returns cfg with a queue in memory: a dry run leaves alone what is
// stored, which is to be delivered once it is over. What a dry run gets is counted at
// once, so the queue need not be as large as one on disk.
func withoutStorage(cfg *Config) *Config {
	own := *cfg
	queue := *cfg.QueueConfig.Get()
	queue.StorageID = nil
	if queue.Sizer == exporterhelper.RequestSizerTypeBytes {
		queue.QueueSize = min(queue.QueueSize, defaultQueueBytes)
	}
	own.QueueConfig = configoptional.Some(queue)
	return &own
}

// open opens the file for appending. It holds captured content, so nobody else
// may read it.
func (r *rehearsal) open(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("api_analytics: `dry_run_file` cannot be opened: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0:
		err = errors.New("others may read the file, and it would hold captured content: set its mode to 0600, or write the name of a new file")
	}
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("api_analytics: `dry_run_file` cannot be used: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file, r.left = f, r.limit
	if info.Mode().IsRegular() {
		r.left -= info.Size()
	}
	return nil
}

// write appends one request. What does not fit is left out as a whole, and so is
// everything after it.
func (r *rehearsal) write(s *sender, items [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return
	}
	head, content, err := s.render(items)
	if err != nil {
		r.logger.Error("a request of the dry run could not be rendered")
		return
	}
	if r.secret != "" {
		content = bytes.ReplaceAll(content, []byte(r.secret), []byte(hidden))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "### %s, %d events, %d bytes before compression\n%s\n%s\n\n", s.spec.Name, len(items), len(content), head, content)
	if int64(b.Len()) > r.left {
		r.logger.Warn("`dry_run_file` is full: the requests that follow are counted and not written", zap.Int64("limit", r.limit))
		r.closeLocked()
		return
	}
	n, err := r.file.Write(b.Bytes())
	r.left -= int64(n)
	if err != nil {
		r.logger.Error("`dry_run_file` cannot be written: the requests that follow are counted and not written", zap.Error(err))
		r.closeLocked()
	}
}

func (r *rehearsal) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeLocked()
}

func (r *rehearsal) closeLocked() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}

// rehearse cuts a request as it would be sent, writes it, and counts its events.
func (e *core) rehearse(ctx context.Context, req *request) {
	req = req.grouped()
	for lo := 0; lo < len(req.items); lo = req.run(lo) {
		s := e.senders[req.stream(lo)]
		if s == nil {
			continue
		}
		items := req.items[lo:req.run(lo)]
		payload.Deliver(len(items), s.frame.Cut(items), func(lo, hi int) payload.Verdict {
			e.rehearsal.write(s, items[lo:hi])
			e.tel.watch.rehearsed(s, items[lo:hi])
			return payload.Taken
		}, func(int) bool { return true })
	}
	e.drop(ctx, req, 0, len(req.items), reasonDryRun)
}

// shown is the head of a request, without a credential.
type shown struct {
	method, url string
	headers     []inspect.Header
	coding      string // "gzip"; empty if the content is sent as it is
}

// shown returns the head of the request with the items, as a dry run writes it and the
// inspector shows it. The header fields are ours, the backend's and the configured ones;
// the HTTP client, an auth extension and middlewares may add others. Of other transports
// than HTTP there is only the address.
func (s *sender) shown(items [][]byte) (shown, error) {
	t, ok := s.transport.(*httpTransport)
	if !ok {
		return shown{method: "SEND", url: shownURL(s.client.Endpoint)}, nil
	}
	req, err := t.newRequest(context.Background(), items)
	if err != nil {
		return shown{}, err
	}
	head := shown{method: req.Method, url: t.shownURL() + t.suffix(items)}
	if compression := s.client.Compression; compression.IsCompressed() {
		head.coding = string(compression)
		req.Header.Set("Content-Encoding", head.coding)
	} else {
		req.Header.Set("Content-Length", fmt.Sprint(req.ContentLength))
	}
	for name := range s.client.Headers.Iter {
		req.Header.Set(name, hidden)
	}
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		h := inspect.Header{Name: name, Values: req.Header[name]}
		if !slices.Contains(shownHeaders, name) {
			h.Values = slices.Repeat([]string{hidden}, len(h.Values))
		}
		head.headers = append(head.headers, h)
	}
	return head, nil
}

// render returns the head of the request with the items (method and URL, header fields)
// and its content, both as text.
func (s *sender) render(items [][]byte) (head, content []byte, err error) {
	h, err := s.shown(items)
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	b.WriteString(h.method + " " + h.url)
	if h.headers != nil {
		b.WriteString(" HTTP/1.1")
	}
	b.WriteByte('\n')
	for _, field := range h.headers {
		for _, v := range field.Values {
			fmt.Fprintf(&b, "%s: %s\n", field.Name, v)
		}
	}
	content, err = io.ReadAll(s.frame.Reader(items))
	return b.Bytes(), content, err
}

// shownURL is the request's URL without what stands in the path of the configured
// endpoint, which may be a credential: all of it where the whole URL is the user's (a
// webhook), else what stands before the backend's own path.
func (t *httpTransport) shownURL() string {
	path := t.backend.Spec().Path
	return shownURL(strings.TrimSuffix(t.url, path)) + path
}

// shownURL hides everything behind the host.
func shownURL(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return hidden
	}
	s := u.Scheme + "://" + u.Host
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		s += "/" + hidden
	}
	return s
}
