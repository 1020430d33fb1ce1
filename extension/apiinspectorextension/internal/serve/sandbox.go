// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package serve

import "net/http"

func (s *Server) trySandbox(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusNotImplemented, "Not yet.")
}
