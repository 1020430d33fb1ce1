// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package apiinspectorextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// listen opens the endpoint. localhost is both loopback addresses: else another program
// could take the one that is free, and get what browsers send to us.
func (i *inspector) listen(ctx context.Context) ([]net.Listener, error) {
	host, port, _ := net.SplitHostPort(i.cfg.ServerConfig.NetAddr.Endpoint)
	open := func(addr string) (net.Listener, error) {
		server := i.cfg.ServerConfig
		server.NetAddr.Endpoint = addr
		l, err := server.ToListener(ctx)
		if err != nil {
			return nil, listenError(addr, err)
		}
		return l, nil
	}
	if !strings.EqualFold(host, "localhost") {
		l, err := open(i.cfg.ServerConfig.NetAddr.Endpoint)
		return []net.Listener{l}, err
	}
	var out []net.Listener
	var failed error
	for _, addr := range []string{"127.0.0.1", "::1"} {
		l, err := open(net.JoinHostPort(addr, port))
		switch {
		case err == nil:
			out = append(out, l)
			_, port, _ = net.SplitHostPort(l.Addr().String())
		case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT), errors.Is(err, syscall.EPROTONOSUPPORT):
			failed = err // a machine without that family
		default:
			for _, l := range out {
				_ = l.Close()
			}
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, failed
	}
	return out, nil
}

// listenError says what to do.
func listenError(addr string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("`endpoint`: %s is in use, perhaps by another Collector: end that, or write another port, such as localhost:8090: %w", addr, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("`endpoint`: %s is no address of this machine: write localhost:8089, or one that it has: %w", addr, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("`endpoint`: this user may not listen on %s: write a port above 1023: %w", addr, err)
	case errors.As(err, &dns):
		return fmt.Errorf("`endpoint`: the name of %s could not be resolved: write an address of this machine: %w", addr, err)
	}
	return fmt.Errorf("`endpoint`: cannot listen on %s: %w", addr, err)
}
