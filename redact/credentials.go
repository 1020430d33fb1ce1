// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "sync"

// Credentials is the policy that holds where no policy is given: the built-in
// lists and detectors and nothing else; client addresses stay. It is compiled once
// and shared.
func Credentials() *Policy { return credentials() }

var credentials = sync.OnceValue(func() *Policy {
	p, err := CompileConfig(Config{Version: 1, Defaults: true, Except: []string{"client_ip"}})
	if err != nil {
		panic("redact: the built-in lists: " + err.Error()) //nolint:forbidigo // constants, which TestCredentials compiles
	}
	return p
})

// Credential reports whether the built-in lists take a header field of this name
// for one that carries a credential or a cookie, whatever its value.
func Credential(header string) bool {
	if k := headerClass(header); k == headerCookie || k == headerSetCookie {
		return true
	}
	s := Credentials().NewScratch()
	defer s.Release()
	req, res := s.keyOf(header, placeRequestHeader), s.keyOf(header, placeResponseHeader)
	return req.v.strong() || res.v.strong()
}

// LocatesURL reports whether a header field of this name holds a URL, which may
// have credentials in its user information, its query and its fragment.
func LocatesURL(header string) bool { return headerClass(header) == headerURL }
