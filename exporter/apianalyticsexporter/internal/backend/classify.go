// Copyright The apispan Authors
// SPDX-License-Identifier: Apache-2.0

package backend

import "net/http"

// ClassifyHTTP is what a status means unless a vendor's documentation says
// otherwise. The rule behind it: an answer about us (credentials, payment, address,
// method, media type, proxy), or about the moment, is no verdict about the data,
// which is kept and tried again. Only three statuses may speak of an event:
// 400, 413 and 422. Whether they do, the exporter finds out.
func ClassifyHTTP(status int) Class {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return Reject
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return Retry
	}
	switch status / 100 {
	case 2:
		return Delivered
	case 3, 4: // redirects are never followed: the endpoint has moved
		return Outage
	}
	return Retry
}
