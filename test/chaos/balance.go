// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net"
	"time"
)

// balance forwards connections to the targets in turn, past those that do not
// answer, until ctx ends. It returns the address where it listens.
func balance(ctx context.Context, targets []string) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = ln.Close() })
	go func() {
		for i := 0; ; i++ {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go forward(ctx, client, targets, i)
		}
	}()
	return ln.Addr().String(), nil
}

func forward(ctx context.Context, client net.Conn, targets []string, first int) {
	defer client.Close()
	for i := range targets {
		server, err := net.DialTimeout("tcp", targets[(first+i)%len(targets)], time.Second)
		if err != nil {
			continue
		}
		defer server.Close()
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(client, server)
			_ = client.Close()
		}()
		_, _ = io.Copy(server, client)
		_ = server.Close()
		<-done
		return
	}
}
