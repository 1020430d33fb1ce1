// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// sender makes a call and returns the status of the answer.
type sender func(ctx context.Context, g *generator, c call) (int, error)

func sendPlain(ctx context.Context, g *generator, c call) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, g.cfg.base.String()+c.path, body)
	if err != nil {
		return 0, err
	}
	req.Header = c.header
	res, err := g.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if path := res.Header.Get("Location"); res.StatusCode == http.StatusCreated && path != "" {
		g.orders.put(c.user.ID, path)
	}
	if c.gaveUp {
		_, err = bufio.NewReader(res.Body).ReadString('\n') // then cancel
		return res.StatusCode, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// sendForOrder calls the customer's newest order.
func sendForOrder(suffix string) sender {
	return func(ctx context.Context, g *generator, c call) (int, error) {
		c.path = g.orders.get(c.user.ID) + suffix
		return sendPlain(ctx, g, c)
	}
}

// sendCut announces the whole body and sends the part before the end of the card
// number: a client that dies while sending. It needs a connection of its own,
// because net/http does not send less than it announced.
func sendCut(ctx context.Context, g *generator, c call) (int, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(g.cfg.base.Hostname(), cmp.Or(g.cfg.base.Port(), "80")))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))

	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n",
		c.method, c.path, g.cfg.base.Host, len(c.body))
	if err := c.header.Write(&b); err != nil {
		return 0, err
	}
	b.WriteString("\r\n")
	cut := strings.Index(c.body, `"cvc"`) - len(`1",`)
	b.WriteString(c.body[:max(cut, 0)])
	if _, err := conn.Write(b.Bytes()); err != nil {
		return 0, err
	}
	if half, ok := conn.(*net.TCPConn); ok {
		if err := half.CloseWrite(); err != nil {
			return 0, err
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// multipartBody returns a form with a note and a "photo" of n random bytes.
func multipartBody(rng *rand.Rand, note string, n int) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.SetBoundary(fmt.Sprintf("shop%016x", rng.Uint64())) // from the seed, as all else
	_ = w.WriteField("note", note)
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", `form-data; name="photo"; filename="parcel.jpg"`)
	h.Set("Content-Type", "image/jpeg")
	part, _ := w.CreatePart(h)
	photo := make([]byte, n)
	for i := range photo {
		photo[i] = byte(rng.Uint32())
	}
	_, _ = part.Write(photo)
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs of strings and numbers
	}
	return string(b)
}
