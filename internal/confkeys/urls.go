// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package confkeys

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// URL says what a URL of a configuration has to be.
type URL struct {
	// Example ends the advice, such as https://api.example.com.
	Example string
	// Schemes are those that are understood besides http and https.
	Schemes []string
	// Credentials says where they belong instead, such as "; use `auth`". Optional.
	Credentials string
	// Appended says what follows the URL, so that it has no query, such as
	// "; a path is appended". Optional.
	Appended string
	// Whole means that nothing is appended: a query may be written.
	Whole bool
	// User means that user and password may stand in it.
	User bool
}

// Check says what is wrong with a URL, as the end of a sentence that begins with the
// key. It holds no part of the URL, which may hold a password.
func (c URL) Check(raw string) error {
	schemes := append([]string{"http", "https"}, c.Schemes...)
	hint := ": write an absolute URL such as " + c.Example
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("is no URL" + hint)
	case !slices.Contains(schemes, u.Scheme):
		return errors.New("does not begin with " + strings.Join(schemes, ":// or ") + "://" + hint)
	case u.Hostname() == "":
		return errors.New("has no host" + hint)
	case !validPort(u.Port()):
		return errors.New("has a port above 65535 or of 0" + hint)
	case u.User != nil && !c.User:
		return errors.New("holds a user or password: remove it" + c.Credentials)
	case c.Whole && u.Fragment != "":
		return errors.New("holds a fragment, which is never sent: remove it")
	case !c.Whole && (u.RawQuery != "" || u.Fragment != "" || u.ForceQuery):
		return errors.New("holds a query or a fragment: remove it" + c.Appended)
	}
	return nil
}

func validPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n >= 1 && n <= 65535
}

// ClearText reports whether requests to a URL of scheme http or ws leave the
// machine unencrypted.
func ClearText(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "ws" {
		return false
	}
	return !Loopback(u.Hostname())
}

// Loopback reports whether a host, without port, is this machine alone. The text decides:
// a name that resolves to loopback today may resolve to something else tomorrow.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
